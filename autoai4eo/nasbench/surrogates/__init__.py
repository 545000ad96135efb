"""Surrogates: models that predict the figures of networks without training them."""
