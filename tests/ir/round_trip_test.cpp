// Printing, then parsing: odd texts give the same program again, however their values were written.
#include <gtest/gtest.h>

#include "ir/parser.h"
#include "ir/printer.h"

namespace jaxc::ir {
namespace {

void expect_round_trip(const std::string& text) {
  const Jaxpr jaxpr = parse(text, "text");
  const std::string printed = print(jaxpr);
  EXPECT_TRUE(structurally_equal(parse(printed, "printed"), jaxpr)) << printed;
}

struct OddValue {
  std::string text;
  std::string printed;
};

class OddValues : public testing::TestWithParam<OddValue> {};

TEST_P(OddValues, AreReadOnceAndForAll) {
  const std::string text = "{ lambda ; a:f32[2]. let b:f32[2] = copy[key=" + GetParam().text + "] a in (b,) }";
  expect_round_trip(text);
  const std::string printed = print(parse(text, "text"));
  EXPECT_NE(printed.find("copy[key=" + GetParam().printed + "] a"), std::string::npos) << printed;
}

INSTANTIATE_TEST_SUITE_P(RoundTrip, OddValues,
                         testing::Values(
                             // Line breaks and comments within angles are blanks, as they are elsewhere.
                             OddValue{"(<a\n  b>,)", "(<a b>,)"}, OddValue{"<class\n'float32'>", "float32"},
                             OddValue{"<A.b:\n 1>", "A.b"}, OddValue{"(<a #>\n>, 1)", "(<a >, 1)"},
                             OddValue{"<a '#b'>", "<a '#b'>"}, OddValue{"<a ' > '> (b\n)", "<a ' > '> (b )"},
                             // Members of enums that would not be one word, or would be a constant.
                             OddValue{"(<A..b: 1>,)", "(<A..b: 1>,)"}, OddValue{"(<A.b.: 1>,)", "(<A.b.: 1>,)"},
                             OddValue{"<np.True_: 1>", "True"},
                             // The dtype of keys is no word.
                             OddValue{"(dtype('key<fry>'),)", "(dtype('key<fry>'),)"},
                             OddValue{"(<class 'key<fry>'>,)", "(<class 'key<fry>'>,)"},
                             // Escapes that the removal of others would complete.
                             OddValue{"'a\x1b[3\x1b[31m1mb'", "'a[31mb'"}, OddValue{"'a\x1b\x1b[m[m'", "'a[m'"}));

TEST(RoundTrip, SharedJaxprsTakeNamesThatNoValueHolds) {
  const std::string let = "let f = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in ";
  for (const std::string value : {"jaxpr + 3", "jaxpr(3)", "(1, jaxpr)", "x.jaxpr", "'jaxpr'"}) {
    expect_round_trip(let + "{ lambda ; a:f32[]. let b:f32[] = jit[jaxpr=f other_jaxpr=" + value +
                      "] a; c:f32[] = jit[jaxpr=f] b in (c,) }");
  }
  for (const std::string name : {"infj", "nan", "True", "let", "g"}) {
    expect_round_trip(let + "{ lambda ; a:f32[]. let b:f32[] = jit[jaxpr=f name=" + name +
                      "] a; c:f32[] = jit[jaxpr=f] b in (c,) }");
  }
}

/// One of the variables is printed as "eq", which may not be read as an operand of what comes before.
TEST(RoundTrip, EquationsWithoutResultsStayApart) {
  std::string text = "{ lambda ; ";
  for (int i = 0; i < 200; ++i) text += "v" + std::to_string(i) + ":f32[] ";
  expect_round_trip(text + ". let z:f32[] = sin v0\n eq v0 v1\n in (z,) }");
}

}  // namespace
}  // namespace jaxc::ir
