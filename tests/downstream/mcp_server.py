"""A small MCP server. `python mcp_server.py` serves it over stdio; the tests serve it over HTTP as well."""

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError


def make_server() -> MCPServer:
    """A server with three tools and a resource."""
    server = MCPServer("small", log_level="ERROR")

    @server.tool()
    async def add(one: int, other: int) -> int:
        """Adds two numbers."""
        return one + other

    @server.tool()
    async def count(to: int, context: Context) -> int:
        """Counts, and tells how far it is."""
        for number in range(1, to + 1):
            await context.report_progress(number, to)
            await anyio.lowlevel.checkpoint()
        return to

    @server.tool()
    async def refuse() -> str:
        """Always fails."""
        raise ToolError("not today")

    @server.resource("greeting://{name}")
    def greeting(name: str) -> str:
        """Greets."""
        return f"Hello, {name}!"

    return server


if __name__ == "__main__":
    make_server().run("stdio")
