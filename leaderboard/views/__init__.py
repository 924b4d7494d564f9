"""The board's pages; only they and the router know Streamlit.

The folder is not called ``pages``: Streamlit would serve every file of it by itself, and a shared
link that is the first visit to a fresh server would show a page without its router.
"""
