"""Programs made by chance, which have to do the same things in the same turns on asyncio and on ferraio."""
