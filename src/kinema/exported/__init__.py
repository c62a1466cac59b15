"""A folder that `kinema export` makes: a trained backbone for people who have neither its run nor, perhaps, kinema.

```
DIR/
  model.safetensors         the backbone, by the names that its paper's code or torchvision has
  second_view.safetensors   batch norm's statistics for the second view, where training kept them apart
  config.json               which network it is, what it is shown, and how to make that of a video
  README.md                 the model card: data, recipe, scores with their protocol, licence, what is not known
  model.onnx, model.pt2     clips in, features out, as one graph: where they were asked for
```

config.py      what config.json says, and how it is read
preprocess.py  from a video to pixels, in the field names of Hugging Face's video processors
folder.py      the files as bytes, and back
graph.py       clips to features as one module
formats.py     ONNX and torch.export, kept where they agree with PyTorch
card.py        the model card; scores.py the table in it
hub.py         the Hugging Face Hub
"""
