"""Frames as HTML tables. Knows no Streamlit and computes nothing.

Not named ``html``: Streamlit puts the folder of its script first on the path, where a package of
that name would stand in front of the standard library's.
"""
