from __future__ import annotations

import torch
from tests.model.conftest import make_model
from tests.training.test_stages import made_up_block

from everroad.training.degrade import DegradeConfig, draw_degradation, drop_conditions
from everroad.training.sketches import Sketches


def test_they_are_those_of_the_conditions_whole_or_not(monkeypatch):
    block, model = made_up_block(0), make_model()
    clip, frame = torch.tensor([0, 3, 1, 2]), torch.tensor([1, 4, 2, 3])
    degradation = draw_degradation(DegradeConfig(drop_map=0.5, drop_scalars=0.0, drop_boxes=0.0), 0, 0, 4, 8)
    whole = degradation.map_present
    assert whole.any()
    assert not whole.all()
    conditions = drop_conditions(block.conditions_at(clip.numpy(), frame.numpy()), degradation)
    expected = model.sketch(conditions, model.autoencoder.code)
    sketches = Sketches(block)
    assert not sketches.made
    sketches.make(model)
    drawn, sketch = [], model.sketch.forward
    monkeypatch.setattr(model.sketch, "forward", lambda c, code: drawn.append(c.batch_size) or sketch(c, code))
    sketches.make(model)  # a second time it does nothing
    found = sketches.at(model, clip, frame, conditions, whole)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-3)
    assert drawn == [int((~whole).sum())]
