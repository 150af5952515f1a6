"""A crawler in a package: names travel through __init__ and change on the way."""

from .fetching import fetch_page as fetch
from .fetching import fetch_robots
from .parsing import links_of, store_links

__all__ = ["crawl", "fetch", "fetch_robots", "links_of", "store_links"]

from .crawling import crawl
