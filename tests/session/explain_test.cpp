// What is said of large products and routines: the library that runs them, or why none does.
#include <gtest/gtest.h>

#include <algorithm>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

struct Row {
  const char* name;
  const char* text;
  const char* primitive;
  const char* path;
  const char* reason;  ///< a part of it
};

class Explained : public testing::TestWithParam<Row> {};

TEST_P(Explained, SaysPathAndReason) {
  const Row& row = GetParam();
  const Executable executable = compile(Program::parse(row.text), {.make_code = false});
  const auto& reports = executable.loops();
  const auto found = std::ranges::find_if(
      reports, [&](const LoopReport& report) { return report.primitive == row.primitive && report.path == row.path; });
  ASSERT_NE(found, reports.end()) << executable.dump(Stage::plan);
  EXPECT_NE(found->reason.find(row.reason), std::string::npos) << found->reason;
  EXPECT_EQ(found->is_loop(), false);
  EXPECT_NE(executable.dump(Stage::plan).find(found->reason), std::string::npos);
  // None of them is a loop whose path could be required.
  EXPECT_NO_THROW(compile(Program::parse(row.text), {.require_path = "fused", .make_code = false}));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Explained,
    testing::Values(
        Row{"product", R"({ lambda ; a:f32[400,300] b:f32[300,311]. let
            c:f32[400,311] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] a b
            in (c,) })",
            "product", "library", "a product of"},
        Row{"product_of_integers", R"({ lambda ; a:i32[400,300] b:i32[300,311]. let
            c:i32[400,311] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=int32] a b
            in (c,) })",
            "product", "generated", "no products of i32"},
        Row{"matrix_and_vector", R"({ lambda ; a:f32[1400,1300] b:f32[1300]. let
            c:f32[1400] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] a b
            in (c,) })",
            "product", "generated", "no factor is used again"},
        Row{"product_in_a_loop", R"({ lambda ; a:f32[100,100]. let
            b:f32[100,100] = scan[
              jaxpr={ lambda ; a:f32[100,100]. let
                  b:f32[100,100] = dot_general[
                    dimension_numbers=(([1], [0]), ([], []))
                    preferred_element_type=float32
                  ] a a
                in (b,) }
              length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
            in (b,) })",
            "product", "generated", "in a loop"},
        Row{"sort", "{ lambda ; a:f32[3000]. let b:f32[3000] = sort[dimension=0 is_stable=True num_keys=1] a in (b,) }",
            "sort", "library", "quicksort"},
        Row{"sort_of_two_keys",
            "{ lambda ; a:f32[3000] b:f32[3000]. let c:f32[3000] d:f32[3000] = sort[dimension=0 is_stable=True "
            "num_keys=2] a b in (c, d) }",
            "argsort", "library", "quicksort"},
        Row{"sort_of_complex",
            "{ lambda ; a:c64[3000]. let b:c64[3000] = sort[dimension=0 is_stable=True num_keys=1] a in (b,) }", "sort",
            "generated", "one real key"},
        Row{"reflections", "{ lambda ; a:f32[190,170]. let b:f32[190,170] c:f32[170] = geqrf a in (b, c) }", "geqrf",
            "library", "a matrix of 190 x 170"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace jaxc
