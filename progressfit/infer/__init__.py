"""Inference: fit, bootstrap, Laplace approximation, and the certificates they carry."""
