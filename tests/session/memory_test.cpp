// Memory reports: what factorizations, solves and products of tall matrices set aside is in proportion to them.
#include <gtest/gtest.h>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

/// An equation, the megabytes of what it keeps beside its results, and what packing takes at most.
struct Row {
  const char* name;
  const char* text;
  std::int64_t kept;
};

constexpr std::int64_t packed = 40;

class Scratch : public testing::TestWithParam<Row> {};

TEST_P(Scratch, IsInProportion) {
  const Executable executable = compile(Program::parse(GetParam().text), {.make_code = false});
  const MemoryReport memory = executable.memory();
  EXPECT_LE(memory.planned >> 20, 5 * GetParam().kept + packed);
  EXPECT_GE(memory.planned, memory.live);
}

// Both buffers of a carry that trade places are taken from the first node of a step to the last: the verifier refuses a
// plan that lends one of them to the products.
TEST(CarriesThatTradePlaces, KeepTheirMemoryThroughout) {
  constexpr std::string_view text = R"({ lambda ; w:f32[3000,3000] h:f32[3000]. let
      p:f32[3000] q:f32[7] = scan[
        jaxpr={ lambda ; w:f32[3000,3000] h:f32[3000]. let
            a:f32[3000] = dot_general[dimension_numbers=(([0], [0]), ([], [])) preferred_element_type=float32] h w
            b:f32[3000] = dot_general[dimension_numbers=(([0], [0]), ([], [])) preferred_element_type=float32] a w
            c:f32[] = reduce_sum[axes=(0,) out_sharding=None] b
            d:f32[3000] = rev[dimensions=(0,)] h
            e:f32[3000] = mul d c
          in (e, c) }
        length=7 num_carry=1 num_consts=1 reverse=False unroll=1] w h
    in (p, q) })";
  const Executable executable = compile(Program::parse(text), {.make_code = false});
  EXPECT_NE(executable.dump(Stage::plan).find(" doubled"), std::string::npos) << executable.dump(Stage::plan);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Scratch,
    testing::Values(
        Row{"product",
            "{ lambda ; a:f32[1000000,64] b:f32[64,64]. let c:f32[1000000,64] = "
            "dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] a b in (c,) }",
            0},
        Row{"triangular_solve",
            "{ lambda ; a:f32[64,64] b:f32[64,500000]. let c:f32[64,500000] = triangular_solve[conjugate_a=False "
            "left_side=True lower=True transpose_a=False unit_diagonal=False] a b in (c,) }",
            0},
        Row{"solve", R"({ lambda ; a:f32[1000,1000] b:f32[1000,200]. let
            c:f32[1000,1000] d:i32[1000] e:i32[1000] = lu a
            f:i32[1000,1] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(1000, 1) sharding=None] e
            g:f32[1000,200] = gather[
              dimension_numbers=GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
              fill_value=None indices_are_sorted=False mode=GatherScatterMode.PROMISE_IN_BOUNDS slice_sizes=(1, 200)
              unique_indices=False] b f
            h:f32[1000,200] = triangular_solve[conjugate_a=False left_side=True lower=True transpose_a=False
              unit_diagonal=True] c g
            i:f32[1000,200] = triangular_solve[conjugate_a=False left_side=True lower=False transpose_a=False
              unit_diagonal=False] c h
            in (i,) })",
            4},
        Row{"cholesky", "{ lambda ; a:f32[2000,2000]. let b:f32[2000,2000] = cholesky a in (b,) }", 16},
        Row{"lu", "{ lambda ; a:f32[100000,64]. let b:f32[100000,64] c:i32[64] d:i32[100000] = lu a in (b, c, d) }",
            25},
        Row{"qr",
            "{ lambda ; a:f32[100000,64]. let b:f32[100000,64] c:f32[64,64] = qr[full_matrices=False pivoting=False] "
            "a in (b, c) }",
            25},
        Row{"sort", "{ lambda ; a:f32[10000000]. let b:f32[10000000] = sort[dimension=0 num_keys=1] a in (b,) }", 0},
        Row{"cumsum", "{ lambda ; a:f32[10000000]. let b:f32[10000000] = cumsum[axis=0 reverse=False] a in (b,) }", 0},
        Row{"svd",
            "{ lambda ; a:f32[1000,1000]. let b:f32[1000] = svd[compute_uv=False full_matrices=False] a in (b,) }", 4}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace jaxc
