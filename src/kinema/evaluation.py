"""The evaluation verbs as functions: what a run's representation is worth, with the random-init row beside it.

Each verb scores features of the train and the test videos, writes a result file for the run and one for the same
network before any training, and returns both.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from kinema.augment import augment, crop_and_flip
from kinema.batch import Batch, generator
from kinema.data import sources
from kinema.data.loader import EpochSampler, EvalClips, TrainClips, eval_loader, train_loader
from kinema.data.skip import absolute
from kinema.errors import UsageError
from kinema.evaluate import finetune as tuning
from kinema.evaluate import knn as voting
from kinema.evaluate import linear as probing
from kinema.evaluate import retrieval, statistics
from kinema.evaluate.episodes import Episode, Pool, draw_episodes
from kinema.evaluate.features import ClipLoader, extract_logits
from kinema.evaluate.fewshot import episode_accuracies
from kinema.evaluate.protocol import Protocol, Result
from kinema.evaluate.score import retrieval_hits
from kinema.evaluate.settings import KNN, FewShot, Finetune, LinearProbe
from kinema.folds import Fold
from kinema.loading import VideoEncoder
from kinema.machine import pick_device, pick_workers
from kinema.precision import mixed
from kinema.sampler import RandomClip
from kinema.task import Hits, Task, Weights


def retrieve(task: Task, *, baseline: bool = True) -> list[Result]:
    """R@k: is the class of a test video among its k nearest train videos?"""
    how = task.evaluation

    def score(weights: Weights, fold: Fold) -> tuple[Hits, dict[str, float]]:
        gallery, query = task.features(weights, fold)
        found = retrieval.retrieve(query, gallery, ks=how.ks, metric=how.metric, center=how.center)
        return retrieval_hits(found), {}

    return task.measure(retrieval_protocol(task), score, baseline=baseline)


def retrieval_protocol(task: Task) -> Protocol:
    """How `retrieve` measures."""
    how = task.evaluation
    return task.protocol("retrieval", distance=how.metric, centred=how.center, settings={"ks": how.ks})


def knn(task: Task, settings: KNN | None = None, *, baseline: bool = True) -> list[Result]:
    """Accuracy of a weighted vote of the nearest train videos."""
    settings = settings or KNN()

    def score(weights: Weights, fold: Fold) -> tuple[Hits, dict[str, float]]:
        train, test = task.features(weights, fold)
        found = voting.knn_accuracy(train, test, k=settings.k, temperature=settings.temperature)
        return {"top1": found.hits1, "top5": found.hits5}, {}

    protocol = task.protocol("knn", distance="cosine", settings=asdict(settings))
    return task.measure(protocol, score, baseline=baseline)


def fewshot(task: Task, settings: FewShot | None = None, *, baseline: bool = True) -> list[Result]:
    """Accuracy over episodes of a few classes with a few labelled videos each, the same episodes for every network."""
    settings, how, report = settings or FewShot(), task.evaluation, task.progress
    drawn = {id(fold): episodes_of(fold, settings) for fold in task.folds}  # refuses before the work

    def score(weights: Weights, fold: Fold) -> tuple[Hits, dict[str, float]]:
        query = task.features_of(weights, fold.test)
        support = task.features_of(weights, fold.train) if settings.support == "train" else query
        found = {
            shots: episode_accuracies(
                support,
                query,
                drawn[id(fold)][shots],
                head=settings.head,
                metric=how.metric,
                center=how.center,
                progress=partial(report, f"{shots}-shot episodes of {weights}") if report else None,
            )
            for shots in settings.shots
        }
        return {f"{settings.way}-way {shots}-shot": accuracies for shots, accuracies in found.items()}, {}

    grouped = settings.apart == "group" and any(video.group for fold in task.folds for video in fold.test.videos)
    protocol = task.protocol(
        "fewshot",
        distance=how.metric if settings.head == "centroid" else None,
        centred=how.center,
        settings=asdict(settings) | {"apart": "group" if grouped else "video"},
        **({} if settings.support == "train" else {"gallery": 0, "train_list": ""}),
    )
    return task.measure(protocol, score, baseline=baseline)


def episodes_of(fold: Fold, settings: FewShot) -> dict[int, list[Episode]]:
    """A fold's episodes, by shots.

    Raises:
        UsageError: there are too few classes, or videos of a class.
    """
    given = fold.train.videos if settings.support == "train" else fold.test.videos
    sides = [[(absolute(video.path), video) for video in videos] for videos in (given, fold.test.videos)]
    known = [(path, video.group) for side in sides for path, video in side if video.group]
    group = {path: f"group {name}" for path, name in known if settings.apart == "group"}
    pools = [Pool([video.label for _, video in side], [group.get(path, path) for path, _ in side]) for side in sides]
    return {
        shots: draw_episodes(
            *pools,
            way=settings.way,
            shots=shots,
            queries=settings.queries,
            episodes=settings.episodes,
            rng=generator("few-shot", shots, settings.seed),
        )
        for shots in sorted(settings.shots, reverse=True)  # what is refused is refused with advice that suits all
    }


def linear(task: Task, settings: LinearProbe | None = None, *, baseline: bool = True) -> list[Result]:
    """Accuracy of a linear classifier on frozen features, its settings chosen on held-out train videos."""
    settings = settings or LinearProbe()
    report = task.progress

    def score(weights: Weights, fold: Fold) -> tuple[Hits, dict[str, float]]:
        train, test = task.features(weights, fold)
        found = probing.linear_probe(
            train,
            test,
            settings,
            groups=[video.group for video in fold.train.videos],
            seed=task.run.recipe.train.seed,
            progress=partial(report, f"linear probe of {weights}") if report else None,
        )
        note_parted(task, fold, found.choice.whole_groups)
        top5 = statistics.top_k_hits(found.logits, test.labels, 5)
        chosen = found.choice.candidate
        return {"top1": found.hits, "top5": top5}, {"lr": chosen.lr, "weight_decay": chosen.weight_decay}

    selection = f"{settings.hold_out:.0%} of the train videos"
    return task.measure(
        task.protocol("linear", selection=selection, settings=asdict(settings)), score, baseline=baseline
    )


def note_parted(task: Task, fold: Fold, whole_groups: bool) -> None:
    """Have it said where there are groups and no whole ones could be held out."""
    if not whole_groups and any(video.group for video in fold.train.videos):
        task.note(
            "videos were held out one by one, as no whole groups could be: what was chosen on them may lean on "
            "people or places that both parts show"
        )


def finetune(task: Task, settings: Finetune | None = None, *, baseline: bool = True) -> list[Result]:
    """Accuracy after training the whole network with labels; for random init that is training from scratch."""
    settings = settings or Finetune()
    seed = task.run.recipe.train.seed
    device = pick_device(task.device)
    in_bf16 = mixed(settings.precision, device, "--finetune.precision")

    def score(weights: Weights, fold: Fold) -> tuple[Hits, dict[str, float]]:
        encoder = task.encoder(weights)
        inputs = finetune_inputs(task, encoder, fold.train, settings)
        tuned = tuning.finetune(
            encoder.backbone,
            torch.tensor([video.label for video in fold.train.videos]),
            len(fold.train.classes),
            inputs,
            settings,
            groups=[video.group for video in fold.train.videos],
            seed=seed,
            device=device,
            progress=partial(task.progress, f"fine-tuning of {weights}") if task.progress else None,
        )
        note_parted(task, fold, tuned.whole_groups)
        how = task.evaluation
        clips = EvalClips(fold.test.videos, encoder.clip, clips=how.clips, crops=how.crops, flow=task.flow)
        scores, labels = extract_logits(
            tuned.model,
            eval_loader(clips, batch_size=4, workers=pick_workers(None)),
            average=settings.average,
            device=device,
            num_videos=len(fold.test.videos),
        )
        hits = {f"top{k}": statistics.top_k_hits(scores, labels, k) for k in (1, 5)}
        return hits, {"epoch": float(tuned.chosen)}

    chosen = f"best epoch on {settings.hold_out:.0%} of the train videos" if settings.select == "best" else "last epoch"
    # `auto` stays for float32, as results have it that were made before there was a choice on a CPU.
    how = asdict(settings) | ({"precision": "bf16-mixed"} if in_bf16 else {})
    protocol = task.protocol("finetune", average=settings.average, selection=chosen, settings=how)
    return task.measure(protocol, score, baseline=baseline)


def finetune_inputs(task: Task, encoder: VideoEncoder, train: sources.VideoList, settings: Finetune) -> tuning.Inputs:
    """How fine-tuning reads the train videos: the recipe's clips and augmentation, with labels."""
    recipe, clip = task.run.recipe, encoder.clip
    if task.view not in ("rgb", "residual", "flow"):
        raise UsageError("fine-tuning trains on one view: give --view rgb, residual or flow")

    draw = RandomClip(clip.frames, clip.stride)

    def batches(rows: Tensor, epochs: int) -> DataLoader[Batch]:
        videos = [train.videos[row] for row in rows.tolist()]
        order = EpochSampler(len(videos), min(settings.batch_size, len(videos)), epochs=epochs, seed=recipe.train.seed)
        dataset = TrainClips(videos, clip, draw, seed=recipe.train.seed, flow=task.flow)
        return train_loader(dataset, order, workers=pick_workers(recipe.train.workers))

    def held_out(rows: Tensor) -> ClipLoader:
        videos = [train.videos[row] for row in rows.tolist()]
        clips = EvalClips(videos, clip, clips=2, flow=task.flow)
        return eval_loader(clips, batch_size=16, workers=pick_workers(recipe.train.workers))

    def augmented(batch: Batch) -> Tensor:
        change = augment if task.flow is None else crop_and_flip  # flow has no colours
        return encoder.show(change(batch.clips[:, 0], batch.extent, batch.dice[:, 0], recipe.augment, clip.size))

    return tuning.Inputs(batches, held_out, augmented, encoder.to_input)
