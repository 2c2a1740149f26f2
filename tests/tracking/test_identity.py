"""The id of a training in W&B: the same training, the same id; another rate, another id."""

from pipeline.results.fingerprint import digest
from pipeline.tracking import identity

DATA = {"data/mnist/images": "1" * 64}
ORIGIN = {"settings": "0123456789ab", "inputs": DATA}
CHOICE = "results/smoke/tune/cell.json"


def test_a_training_at_a_given_rate_has_the_id_of_its_settings_and_data():
    assert identity.of_training(ORIGIN) == digest(["train", "0123456789ab", DATA])


def test_a_tuned_training_hangs_on_its_rate_and_not_on_the_file_that_holds_it():
    found = {
        identity.of_training({**ORIGIN, "inputs": {**DATA, CHOICE: sha256}, "rate": rate})
        for sha256, rate in (("2" * 64, 0.01), ("3" * 64, 0.01))
    }
    assert len(found) == 1
    other = identity.of_training({**ORIGIN, "inputs": {**DATA, CHOICE: "2" * 64}, "rate": 0.03})
    assert other not in found
    assert identity.of_training({**ORIGIN, "inputs": {"data/mnist/images": "9" * 64}, "rate": 0.01}) not in found


def test_older_results_keep_the_id_that_they_were_recorded_under():
    inputs = {**DATA, CHOICE: "2" * 64}
    assert identity.of_training({**ORIGIN, "inputs": inputs}) == digest(["train", "0123456789ab", inputs])
