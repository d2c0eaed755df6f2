"""A set is held against the device's memory before it is read."""

import pytest

import dmljax
from dmljax.runs import sets
from dmljax.types import UserError


@pytest.mark.parametrize(("fields", "refused"), [({}, True), ({"data.memory": "host"}, False)])
def test_a_set_that_does_not_fit_on_the_device_names_what_to_set(monkeypatch, fields, refused):
    monkeypatch.setattr(sets, "_room_on_device", lambda: 1000)
    monkeypatch.setattr(sets.feeds, "build", lambda *args, **options: "read")
    config = dmljax.get_config("quick", {"dataset.synthetic.identities": 2, **fields})
    if refused:
        with pytest.raises(
            UserError, match="of the device's memory, and 0.0 GiB are free; set data.memory=host"
        ):
            sets.open_feed(config, progress=False)
    else:
        assert sets.open_feed(config, progress=False) == "read"
