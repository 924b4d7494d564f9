"""Rankings and details as pandas frames. Knows no Streamlit and no HTML."""
