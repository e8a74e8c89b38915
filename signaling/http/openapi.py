"""The description of the interface (OpenAPI 3.1), made from the declarations that the routes are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from signaling.http.operation import DEVICE_HEADER, DEVICE_PATTERN, JSON, Operation

PATH: Final = "/api/openapi.json"
PROBLEM: Final = "application/problem+json"
_REFERENCE: Final = "#/components/schemas/{name}"

Json = dict[str, Any]


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal (RFC 9457). `code` is stable; `field` names the value that cannot be used; `detail` is for logs."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str = ""


OPERATION: Final = Operation(
    name="description.get",
    method="GET",
    path=PATH,
    summary="This description",
    why="it tells what the program can do, not what it holds",
    signed_in=False,
    names_device=False,
    gives={200: {JSON: dict[str, Any]}},
    refuses=frozenset(),
    tag="node",
)


def describe(operations: Iterable[Operation], version: str) -> Json:
    """Return the description of all these operations."""
    listed = sorted(operations, key=lambda item: (item.path, item.method))
    types = _types(listed)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = {_key(type_): schema for type_, schema in zip(types, schemas, strict=True)}
    paths: Json = {}
    for item in listed:
        paths.setdefault(item.path, {})[item.method.lower()] = _operation(item, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Huishang",
            "version": version,
            "summary": "Video consultation and dispatch",
            "description": "Times are integer microseconds UTC. Fields that the receiver does not know are ignored.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in sorted({item.tag for item in listed})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a sign-in; for media also that of a device or of the node's own list",
                }
            },
        },
    }


def openapi_routes(operations: Iterable[Operation], version: str) -> list[web.RouteDef]:
    """Return the route that answers with the description of `operations` and of itself."""
    body = msgspec.json.encode(describe([*operations, OPERATION], version))
    return [OPERATION.route(_handler(body))]


def _handler(body: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=JSON)

    return handler


def _types(operations: Iterable[Operation]) -> list[Any]:
    """Return every type that goes in or out, once."""
    found: dict[str, Any] = {_key(ProblemDetails): ProblemDetails}
    for item in operations:
        contents = [item.takes or {}, *item.gives.values()]
        used = [type_ for content in contents for type_ in content.values() if type_ is not None]
        used += [field.type for field in msgspec.structs.fields(item.query)] if item.query else []
        found |= {_key(type_): type_ for type_ in used}
    return list(found.values())


def _key(type_: Any) -> str:
    # Annotated types are not all hashable; their text tells them apart.
    return repr(type_)


def _operation(item: Operation, schema_of: Json) -> Json:
    described: Json = {
        "operationId": item.name,
        "summary": item.summary,
        "tags": [item.tag],
        "description": f"Needs the right `{item.right}`." if item.right else f"Right: none, {item.why}.",
        "parameters": [*_path_parameters(item), *_query_parameters(item, schema_of), *_header_parameters(item)],
        "responses": {
            **{str(status): _given(item, status, schema_of) for status in sorted(item.gives)},
            **{str(status): _refused(status, schema_of) for status in sorted(item.refuses)},
        },
    }
    if not item.signed_in:
        described["security"] = []
    if item.takes is not None:
        described["requestBody"] = {"required": item.needs_body, "content": _content(item.takes, schema_of)}
    return described


def _path_parameters(item: Operation) -> list[Json]:
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in item.path_fields]


def _query_parameters(item: Operation, schema_of: Json) -> list[Json]:
    found = []
    for field in msgspec.structs.fields(item.query) if item.query else ():
        schema = dict(schema_of[_key(field.type)])
        if not field.required:
            schema["default"] = field.default
        found.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    return found


def _header_parameters(item: Operation) -> list[Json]:
    if not item.names_device:
        return []
    schema = {"type": "string", "pattern": DEVICE_PATTERN}
    told = "Names the page or device, for the timeline"
    return [{"name": DEVICE_HEADER, "in": "header", "required": False, "schema": schema, "description": told}]


def _given(item: Operation, status: int, schema_of: Json) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    content = _content(item.gives[status], schema_of)
    if content:
        answer["content"] = content
    if status == HTTPStatus.CREATED and item.locates:
        answer["headers"] = {"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}}
    return answer


def _refused(status: int, schema_of: Json) -> Json:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": schema_of[_key(ProblemDetails)]}},
    }


def _content(types: Any, schema_of: Json) -> Json:
    # Text and bytes as they are have no schema (OpenAPI 3.1, "Considerations for File Uploads").
    return {media: {"schema": schema_of[_key(type_)]} if type_ is not None else {} for media, type_ in types.items()}
