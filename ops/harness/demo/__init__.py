"""Replays dialogs through Parley's HTTP API and checks every view of them."""
