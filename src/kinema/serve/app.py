"""The application: which address gives what."""

from __future__ import annotations

from typing import Any

from kinema.errors import DataError, KinemaError, UsageError
from kinema.serve.answers import Missing, Served
from kinema.serve.upload import TooLarge, TooSlow

NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
STATUS = {DataError: 422, UsageError: 400, Missing: 404, TooLarge: 413, TooSlow: 408}


def make_app(served: Served) -> Any:
    """The FastAPI application."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)
    gives = {
        "/api/index": served.about,
        "/api/clips": served.clips,
        "/api/clips/{id}/near": served.near,
        "/api/clips/{id}/{kind}.webp": served.picture,
        "/api/map": served.maps.points,
        "/api/clusters": served.maps.clustered,
        "/api/runs": served.compared,
        "/": served.file,
        "/{name}": served.file,
    }
    takes = {"/api/chosen": served.chosen, "/api/probe": served.fitted, "/api/labels.csv": served.exported}
    for address, function in gives.items():
        app.add_api_route(address, function, methods=["GET"], response_model=None)
    for address, function in takes.items():
        app.add_api_route(address, function, methods=["POST"], response_model=None)
    app.add_route("/api/search", served.search, methods=["POST"])

    def refused(request: Any, problem: KinemaError) -> Any:
        return JSONResponse({"error": str(problem)}, status_code=STATUS.get(type(problem), 500))

    def mistaken(request: Any, problem: RequestValidationError) -> Any:
        return JSONResponse({"error": "the request is not of the form that this address takes"}, status_code=400)

    app.add_exception_handler(KinemaError, refused)
    app.add_exception_handler(RequestValidationError, mistaken)
    return app
