"""Researchers: who proposes the ideas of a campaign."""
