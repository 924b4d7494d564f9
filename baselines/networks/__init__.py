"""Networks: small CNNs, the ones that published numbers were made with, and any of timm's."""
