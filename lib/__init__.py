"""The shared package of Engineering notes: loaders, features, models, training, checks and publishing.

Importing `lib` imports nothing heavy: each room loads its own dependencies when it is used.
"""
