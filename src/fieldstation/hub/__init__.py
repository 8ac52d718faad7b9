"""The hub: takes batches from stations, keeps their series, shows them to people. Django lives only
here.
"""
