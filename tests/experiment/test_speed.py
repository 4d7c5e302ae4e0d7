"""The speed of trained models."""

from __future__ import annotations

from planned import planned

from genzoo.experiment.speed import inference_speed


def test_a_model_without_an_encoder_has_no_inference_speed() -> None:
    plan = planned()
    model, _ = plan.build(plan.spec)
    measured = inference_speed(model, plan.device)
    assert measured["images_per_second"] > 0
    assert measured["passes"] >= 5
