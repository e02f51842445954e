import pytest

from exporters.errors import SpecError
from exporters.options import Profile, Range, TensorRTOptions
from exporters.spec import ModelSpec
from exporters.tensorrt_parts.profiles import Shapes, is_dynamic, resolve
from tests.exporters.models import Doubler, spec_of
from tests.exporters.tensorrt_parts.small import sequence


def with_profiles(*profiles: Profile, **changes: object) -> ModelSpec:
    return sequence(tensorrt=TensorRTOptions(profiles=profiles), **changes)


def test_the_models_own_bounds_make_the_profile_that_is_not_given() -> None:
    (shapes,) = resolve(sequence(max_batch_size=8))
    assert shapes == {"x": Shapes(min=(1, 2, 4), opt=(8, 17, 4), max=(8, 32, 4))}


def test_a_model_without_batch_and_axis_needs_no_profile() -> None:
    assert not is_dynamic(spec_of(Doubler, max_batch_size=0))


def test_several_profiles_are_resolved_in_their_order() -> None:
    short, long = Range(min=2, opt=8, max=16), Range(min=17, opt=24, max=32)
    found = resolve(with_profiles(Profile(axes={"length": short}), Profile(axes={"length": long})))
    assert [shapes["x"].opt for shapes in found] == [(4, 8, 4), (4, 24, 4)]


def test_a_range_past_the_models_bounds_is_refused_with_both() -> None:
    profile = Profile(batch=Range(min=1, opt=8, max=16))
    with pytest.raises(SpecError, match=r"takes the batch 1 to 16, and the model declares 1 to 4"):
        resolve(with_profiles(profile))


def test_an_unknown_axis_is_refused_with_those_known() -> None:
    profile = Profile(axes={"width": Range(min=2, opt=8, max=32)})
    with pytest.raises(SpecError, match=r"axis 'width'.*axes are: length"):
        resolve(with_profiles(profile))


def test_a_batch_for_a_model_without_batching_is_refused() -> None:
    profile = Profile(batch=Range(min=1, opt=1, max=1))
    with pytest.raises(SpecError, match="gives a batch, and the model takes none"):
        resolve(with_profiles(profile, max_batch_size=0))


def test_a_gap_between_profiles_is_refused_with_the_size_that_falls_into_it() -> None:
    short, long = Range(min=2, opt=8, max=16), Range(min=20, opt=24, max=32)
    with pytest.raises(SpecError, match="takes the batch 1 and length 17"):
        resolve(with_profiles(Profile(axes={"length": short}), Profile(axes={"length": long})))


def test_profiles_that_each_take_one_size_at_its_largest_do_not_take_both() -> None:
    wide = Profile(batch=Range(min=1, opt=4, max=4), axes={"length": Range(min=2, opt=8, max=16)})
    long = Profile(batch=Range(min=1, opt=1, max=2), axes={"length": Range(min=2, opt=8, max=32)})
    with pytest.raises(SpecError, match="takes the batch 3 and length 17"):
        resolve(with_profiles(wide, long))


def test_a_range_out_of_order_is_refused() -> None:
    with pytest.raises(SpecError, match="from 4 over 2 to 8"):
        Range(min=4, opt=2, max=8)
