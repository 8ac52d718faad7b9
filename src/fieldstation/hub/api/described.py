"""The API's description: `openapi.json` completed, and the same as a page to read."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal token, fst_...; scope write for changes",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "The session of the pages; changes need X-CSRFToken",
    },
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "A stable word for programs"},
        "detail": {"type": "string", "description": "What happened, and what to do next"},
    },
}
REFUSAL = {
    "description": "Refused",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Api(NinjaAPI):
    """The API with a description that names how to sign in and how refusals look."""

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        """The OpenAPI document."""
        document = super().get_openapi_schema(**where)
        parts = document.setdefault("components", {})
        parts["securitySchemes"] = SECURITY
        parts.setdefault("schemas", {})["Problem"] = PROBLEM
        document["security"] = [{"token": []}, {"session": []}]
        paths = {_plain(path): methods for path, methods in document["paths"].items()}
        for methods in paths.values():
            for operation in methods.values():
                operation["responses"]["default"] = REFUSAL
        document["paths"] = paths
        return document


@require_safe
def document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    from fieldstation.hub.api.app import api

    return JsonResponse(api.get_openapi_schema())


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The description for people, without scripts."""
    from fieldstation.hub.api.app import api

    document = api.get_openapi_schema()
    schemas = document["components"]["schemas"]
    routes = [
        {"path": path, "method": method.upper(), **_route(operation)}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    shapes = [_shape(name, schemas[name]) for name in sorted(schemas)]
    return render(request, "api_docs.html", {"routes": routes, "shapes": shapes})


def _plain(path: str) -> str:
    return re.sub(r"{(?:path|uuid):(\w+)}", r"{\1}", path)


def _route(operation: dict[str, Any]) -> dict[str, Any]:
    taken = operation.get("requestBody", {}).get("content", {})
    given = operation["responses"].get(200, {}).get("content", {})
    return {
        "id": operation["operationId"],
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "name": one["name"],
                "type": _type(one["schema"]),
                "default": one["schema"].get("default"),
                "required": one.get("required", False),
            }
            for one in operation.get("parameters", [])
        ],
        "takes": [_type(form["schema"]) for form in taken.values()],
        "gives": [_type(form["schema"]) for form in given.values()],
    }


def _shape(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    fields = [
        {"name": field, "type": _type(one), "description": one.get("description", "")}
        for field, one in schema.get("properties", {}).items()
    ]
    return {"name": name, "description": schema.get("description", ""), "fields": fields}


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "allOf", "oneOf"):
        if several in schema:
            return " | ".join(_type(one) for one in schema[several])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")
