from .api import Client, fetch_sync
