"""The demo: an agent program on a stub model server, run on asyncio and on ferraio.

`command` is what `ferraio demo` calls. `agent` is the program it runs, written to be copied. The server, in a
process of its own, is made of these: `request_parser` (bytes to requests), `http_server` (requests to
replies), `stub_model` (what the model says), `messages_api` and `chat_completions_api` (how each service says
it), `model_server` (its routes and its command line) and `server_process` (starts and stops it).

Nothing is imported here, so that each part costs only what it needs.
"""
