// Which axes of small nests in loops become straight-line code, and where short lines between them lie.
#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/simplify.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"

namespace jaxc::compiler {
namespace {

/// h' = tanh(h W + x) and c' = c h', with `terms` in h and vectors of 16 lanes.
std::string recurrence(const std::string& size) {
  const std::string line = ":f32[" + size + "]";
  const std::string matrix = ":f32[" + size + "," + size + "]";
  return "{ lambda ; w" + matrix + " a" + line + " b" + line + " xs:f32[9," + size + "]. let p" + line + " q" + line +
         " = scan[jaxpr={ lambda ; w" + matrix + " h" + line + " c" + line + " x" + line + ". let g" + line +
         " = dot_general[dimension_numbers=(([0], [0]), ([], [])) precision=None preferred_element_type=float32] h w; "
         "k" +
         line + " = add g x; d" + line + " = tanh k; e" + line +
         " = mul c d in (d, e) } length=9 num_carry=2 "
         "num_consts=1 reverse=False unroll=1 linear=(False, False, False, False)] w a b xs in (p, q) }";
}

struct Row {
  std::string name;
  std::string size;
  ir::Schedule terms;   ///< how the product's folded axis runs
  ir::Storage carries;  ///< where the carry lies that no product reads
};

class ShortLines : public testing::TestWithParam<Row> {};

TEST_P(ShortLines, StayInRegisters) {
  const ir::Program program = contract(fuse(lower(simplify(ir::parse(recurrence(GetParam().size), "test")), {})));
  CpuPlanOptions options;
  options.vector_bits = 512;
  const ir::Plan plan = plan_cpu(program, options);
  ir::visit_nodes(program.body, [&](const ir::Node& node) {
    if (const auto* nest = std::get_if<ir::Nest>(&node.kind); nest != nullptr && nest->reduction) {
      EXPECT_EQ(plan.nests.at(node.id).axes[1].schedule, GetParam().terms) << ir::print(program, plan);
    }
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      const ir::ArrayId carry = loop->carries[1].next;
      EXPECT_EQ(plan.buffers[plan.placements[carry].buffer].storage, GetParam().carries) << ir::print(program, plan);
    }
  });
}

const Row rows[] = {
    {"OneVector", "16", ir::Schedule::unrolled, ir::Storage::registers},
    {"TwoVectors", "32", ir::Schedule::unrolled, ir::Storage::registers},
    {"FourVectors", "64", ir::Schedule::serial, ir::Storage::registers},
    {"ManyVectors", "128", ir::Schedule::serial, ir::Storage::stack},
};

INSTANTIATE_TEST_SUITE_P(Sizes, ShortLines, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
