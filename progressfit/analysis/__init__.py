"""Analyses: plain functions of one model; uncertainty comes from mapping them over draws."""
