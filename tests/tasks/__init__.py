"""Tasks: how they are cancelled and stepped, how they end, and what is known of them."""
