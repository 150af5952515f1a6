"""Requests written by hand."""

import json


def http_request(body, *, path="/v1/messages", headers=(), method="POST"):
    """Writes a request by hand, with the headers that the Anthropic API wants."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "x-api-key: k", "anthropic-version: 2023-06-01"]
    lines += [f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def question(text, **more):
    """The smallest order of the Messages API."""
    return {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
