// jaxc's own associative_scan against the trees of slices that JAX expands it to.
#include <gtest/gtest.h>

#include "agreement.h"
#include "compiler/evaluate/evaluate.h"
#include "ir/parser.h"
#include "jaxc/safetensors.h"

namespace jaxc {
namespace {

struct Case {
  const char* data;
  const char* text;
};

const Case cases[] = {
    {"assoc_scan_add",
     "{ lambda ; a:f32[37,2]. let b:f32[37,2] = associative_scan[axis=0 jaxpr={ lambda ; c:f32[1,2] d:f32[1,2]. let "
     "e:f32[1,2] = add c d in (e,) } num_consts=0 reverse=False] a in (b,) }"},
    {"assoc_scan_affine",
     "{ lambda ; a:f32[33] b:f32[33]. let c:f32[33] d:f32[33] = associative_scan[axis=0 jaxpr={ lambda ; e:f32[1] "
     "f:f32[1] g:f32[1] h:f32[1]. let i:f32[1] = mul g e; j:f32[1] = mul g f; k:f32[1] = add j h in (i, k) } "
     "num_consts=0 reverse=False] a b in (c, d) }"},
    {"assoc_scan_reverse",
     "{ lambda ; a:f32[29]. let b:f32[29] = associative_scan[axis=0 jaxpr={ lambda ; c:f32[1] d:f32[1]. let e:f32[1] = "
     "max c d in (e,) } num_consts=0 reverse=True] a in (b,) }"},
};

TEST(AssociativeScan, AgreesWithItsExpansion) {
  for (const Case& row : cases) {
    const Safetensors data =
        Safetensors::load(std::string(JAXC_TEST_DATA) + "/conformance/" + row.data + ".safetensors");
    std::vector<Array> inputs = {data.arrays.at("in0")};
    if (data.arrays.contains("in1")) inputs.push_back(data.arrays.at("in1"));
    const auto got = compiler::evaluate(ir::parse(row.text, row.data), {}, inputs);
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(testing::disagreement(got[i], data.arrays.at("out" + std::to_string(i)), 1e-5), "") << row.data;
    }
  }
}

}  // namespace
}  // namespace jaxc
