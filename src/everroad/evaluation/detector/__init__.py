"""A small camera-only 3D detector with queries and a memory: are boxes seen where boxes were asked for?"""
