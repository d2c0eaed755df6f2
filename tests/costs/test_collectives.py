"""What devices tell each other, read from lines as XLA writes them for CPUs and TPUs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from dmljax.costs.collectives import Collective, collectives, seconds

PATH = "jit(_fun)/shard_map/trunk/face/norm_stem/psum"
TEXT = f"""
  %psum.7 = f32[128]{{0:T(128)S(1)}} all-reduce(%e.2), channel_id=1, replica_groups={{{{0,1,2,3}}}}, \
use_global_device_ids=true, to_apply=%region_1.0, metadata={{op_name="{PATH}" stack_frame_id=8}}
"""
MORE = """
  %r.9 = (f32[64]{0:T(128)}, bf16[3,5]{1,0:T(8,128)}) all-reduce(%a, %b), replica_groups=[4,2]<=[8]
  %g = (u8[2,10]{1,0}, u8[8,10]{1,0}) all-gather-start(%p), replica_groups={{0,2},{1,3}}
  %h = ((f32[5], f32[5]), (f32[10], f32[10]), u32[]) all-gather-start(%p, %q), replica_groups={{0,1}}
  %i = (f32[100], f32[100], u32[], u32[]) collective-permute-start(%p), source_target_pairs={{0,1}}
  %j = f32[6]{0} reduce-scatter(%p), replica_groups={{0,1,2,3}}, dimensions={0}
  %gd = u8[8,10]{1,0} all-gather-done(%g)
  %c = pred[16]{0} collective-permute(%x), source_target_pairs={{0,1},{1,0}}
  ROOT %t = (f32[2]{0}) tuple(%all-reduce.9)
"""


def test_collectives_of_a_text():
    assert collectives(TEXT + MORE, 8) == [
        Collective("all-reduce", 512, 4, PATH),
        Collective("all-reduce", 64 * 4 + 15 * 2, 2, ""),
        Collective("all-gather", 80, 2, ""),
        Collective("all-gather", 80, 2, ""),
        Collective("collective-permute", 400, 8, ""),
        Collective("reduce-scatter", 24, 4, ""),
        Collective("collective-permute", 16, 8, ""),
    ]


def test_those_of_a_program_of_this_machine():
    def of(x):
        each = jax.lax.psum(x, "devices"), jax.lax.all_gather(x[:, :1], "devices")
        return each[0] + 0 * each[1].sum()

    mesh, rows = Mesh(np.array(jax.devices()[:4]), ("devices",)), PartitionSpec("devices")
    mapped = jax.shard_map(of, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)
    found = collectives(jax.jit(mapped).lower(jnp.zeros((12, 7))).compile().as_text(), 4)
    assert {(each.kind, each.bytes, each.devices) for each in found} == {
        ("all-reduce", 3 * 7 * 4, 4),
        ("all-gather", 4 * 3 * 4, 4),
    }


def test_seconds_in_a_ring():
    # 2 x 3/4 of 800 bytes and 1/2 of 100, 250 a second; one device alone tells nobody
    asked = [Collective("all-reduce", 800, 4, ""), Collective("all-gather", 100, 2, "")]
    assert seconds([*asked, Collective("all-reduce", 999, 1, "")], 250) == pytest.approx((1200 + 50) / 250)
    assert seconds([], 250) == 0
    # of 100 bytes for each of 4, 300 come in; one neighbour's 70 bytes come whole
    more = [Collective("reduce-scatter", 100, 4, ""), Collective("collective-permute", 70, 8, "")]
    assert seconds(more, 10) == pytest.approx(37)
