"""Bytes to and from the large memory, read from lines as XLA writes them for a TPU."""

import pytest

from dmljax.costs.arrays import size_of
from dmljax.costs.traffic import Moved, traffic

TEXT = """HloModule jit_mapped, is_scheduled=true

%fused (p: f32[100]) -> f32[100] {
  %p = f32[100]{0} parameter(0)
  ROOT %n = f32[100]{0} negate(%p)
}

ENTRY %main {
  %x = bf16[2,3,5]{2,1,0:T(8,128)(2,1)} parameter(0)
  %w = f32[10]{0:T(128)} parameter(1)
  %c.1 = (bf16[2,3,5]{2,1,0:T(8,128)(2,1)S(1)}, bf16[2,3,5]{2,1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)
  %c.2 = bf16[2,3,5]{2,1,0:T(8,128)(2,1)S(1)} copy-done(%c.1)
  %s.1 = ((f32[10]{0:T(128)}), f32[4]{0:T(128)S(1)}, s32[]{:S(2)}) slice-start(%w), slice={[0:4]}
  %s.2 = f32[4]{0:T(128)S(1)} slice-done(%s.1)
  %j = f32[10]{0:T(128)S(1)} custom-call(%s.2, %s.2), custom_call_target="ConcatBitcast"
  %f = (f32[7]{0:T(128)}, f32[9]{0:T(128)S(1)}) fusion(%c.2, %w, %s.2), kind=kLoop, calls=%fused
  %g = f32[7]{0:T(128)} get-tuple-element(%f), index=0
  %h = f32[9]{0:T(128)S(1)} get-tuple-element(%f), index=1
  %e = (f32[9]{0:T(128)}, f32[9]{0:T(128)S(1)}, u32[]{:S(2)}) copy-start(%h)
  %d = f32[9]{0:T(128)} copy-done(%e)
  %n = f32[1000]{0:T(128)} custom-call(), custom_call_target="AllocateBuffer"
  %b = f32[1000]{0:T(128)} opt-barrier(%n)
  %a = f32[7]{0:T(128)} add(%g, %g)
  ROOT %t = (f32[7]{0:T(128)}, f32[9]{0:T(128)}) tuple(%a, %d)
}
"""


def test_what_is_moved():
    assert traffic(TEXT) == {
        "copy-start": Moved(2, 60 + 36),  # x read to the chip, h written from it
        "add": Moved(1, 2 * 28),  # one array twice
        "fusion": Moved(1, 28 + 40),  # the first result, and w
        "slice-start": Moved(1, 16),
    }


SLICED = """HloModule jit_mapped, is_scheduled=true

%part (p.1: f32[1000], i: s32[], whole: f32[8]) -> f32[9] {
  %p.1 = f32[1000]{0} parameter(0)
  %i = s32[] parameter(1)
  %whole = f32[8]{0} parameter(2)
  %s.1 = f32[6]{0} slice(%p.1), slice={[4:10]}
  %s.2 = f32[3]{0} dynamic-slice(%p.1, %i), dynamic_slice_sizes={3}
  %s.3 = f32[2]{0} slice(%whole), slice={[0:2]}
  %s.4 = f32[8]{0} negate(%whole)
  ROOT %c = f32[9]{0} concatenate(%s.1, %s.2), dimensions={0}
}

ENTRY %main {
  %x = f32[1000]{0} parameter(0)
  %k = s32[] parameter(1)
  %y = f32[8]{0} parameter(2)
  %f = f32[9]{0} fusion(%x, %k, %y), kind=kLoop, calls=%part
  %g = f32[5]{0} slice(%x), slice={[0:5]}
  ROOT %h = f32[9]{0} fusion(%y, %k, %y), kind=kLoop, calls=%part
}
"""


def test_of_what_is_only_sliced_the_slices_count():
    assert traffic(SLICED) == {
        # result, 6 + 3 of x, k, all of y; result, k, and y: no more than it has
        "fusion": Moved(2, (36 + 36 + 4 + 32) + (36 + 4 + 32)),
        "slice": Moved(1, 20 + 20),
    }


def test_the_size_of_an_array():
    assert size_of("f32[]") == 4 and size_of("pred[3,2]{1,0}") == 6 and size_of("bf16[5]{0:T(8)S(1)}") == 10
    assert size_of("f8e4m3fn[8]") == 8 and size_of("c64[3]") == 24 and size_of("s4[6]") == 3
    assert size_of("s64[2]") == 16 and size_of("u8[7]") == 7
    with pytest.raises(ValueError, match="such as f32"):
        size_of("token")
