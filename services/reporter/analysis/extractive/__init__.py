"""Writes reports without a language model: finds the sentences that belong under each heading and quotes them word for word."""

from services.reporter.analysis.extractive.extraction import extract as extract
