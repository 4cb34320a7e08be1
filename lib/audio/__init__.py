"""Sound to numbers: spectrograms, chroma, beats, statistics of a clip, augmentation, and data sets for training.

Read `logmel` for the spectrogram of speech, `music` for mel, chroma and beats of many clips, `statistics` for the
plain baseline's features, `augment` for what changes a training item's spectrogram, `corruptions` for what spoils a
recording, `datasets` for what a loader reads.
"""
