"""Frames as HTML tables. Knows no Streamlit and computes nothing."""
