"""The board's pages; only they and the router know Streamlit."""
