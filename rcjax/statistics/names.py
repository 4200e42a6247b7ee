"""Names of rows, tables and report.json that have a meaning, each defined here alone."""

COUNT = "region_count"
VARIANT = f"{COUNT}: "  # begins the name of a count with another definition
GAP, TEST_ERROR = "generalization_gap", "test_error"
OUTCOMES = (GAP, TEST_ERROR)
TRAIN_ACCURACY, TEST_ACCURACY = "train_accuracy", "test_accuracy"
ACCURACIES = (TRAIN_ACCURACY, TEST_ACCURACY)

LEARNING_RATE, BATCH_SIZE = "learning_rate", "batch_size"
CONTROLS = (LEARNING_RATE, BATCH_SIZE)

TRAIN_LOSS = "train_loss"
# Measures of which the higher value promises the smaller gap; of all others it is the lower one.
HIGHER_IS_BETTER = ("output_margin", "input_margin", "spectrally_normalized_margin")
# Ways to choose a network that read no measure.
RANDOM, VALIDATION = "random", "validation_set"
OTHER_HALF = "other_half_of_test_set"

# Predictors that stand beside the measures in the report.
NULL, TRIVIAL = "null", "trivial_predictor"

COMPLETED, DIVERGED, MISSING, DAMAGED = "completed", "diverged", "missing", "damaged"
STATUSES = (COMPLETED, DIVERGED, MISSING, DAMAGED)
WITHOUT_NUMBERS = (DIVERGED, MISSING, DAMAGED)
