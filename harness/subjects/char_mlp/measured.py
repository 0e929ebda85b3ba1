"""What is measured of the network: names of series, and the constants they depend on."""

SATURATED = 0.97  # |tanh| above this counts as saturated, as in the lectures
BINS = 80  # of each histogram of activations and gradients

# Layer by layer: of a minibatch in training mode; the same without the gradient over the dev split
# in eval mode after the last step, then named with "final_" before.
ACTIVATIONS = ("mean", "std", "saturation", "dead", "gradient_std")
FINAL_ACTIVATIONS = tuple(f"final_{name}" for name in ACTIVATIONS[:4])
SPLITS = ("train", "dev", "test")
