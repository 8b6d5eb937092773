// contract: writes mul_add for a * b + c over floats.
#include <utility>

#include "compiler/lower/fuse.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

namespace {

using ir::Opcode;
using ir::OpId;
using ir::Region;
using ir::RegionBuilder;
using ir::ScalarOp;

/// How often each operation is used; what else a nest names counts too.
std::vector<int> uses_of(const Region& region, const std::vector<ir::NestOutput>& outputs) {
  std::vector<int> uses(region.ops.size());
  const auto count = [&](const ir::Index& index) {
    for (const ir::Index::Term& term : index.terms) ++uses[term.op];
  };
  for (const ScalarOp& op : region.ops) {
    for (OpId argument : op.arguments) ++uses[argument];
    for (const ir::Index& index : op.indices) count(index);
  }
  for (OpId result : region.results) ++uses[result];
  for (const ir::NestOutput& output : outputs) {
    for (const ir::Index& index : output.indices) count(index);
    if (output.guard) ++uses[*output.guard];
  }
  return uses;
}

/// a * b + c, a * b - c = a * b + -c, c - a * b = -a * b + c.
void contract_region(Region& region, std::vector<ir::NestOutput>& outputs) {
  const std::vector<int> uses = uses_of(region, outputs);
  RegionBuilder builder;
  std::vector<OpId> numbers;
  const auto is_product = [&](OpId id) { return region.ops[id].opcode == Opcode::mul && uses[id] == 1; };
  for (ScalarOp op : region.ops) {
    const std::vector<OpId> original = op.arguments;
    for (OpId& argument : op.arguments) argument = numbers[argument];
    for (ir::Index& index : op.indices)
      for (ir::Index::Term& term : index.terms) term.op = numbers[term.op];
    for (Region& inner : op.regions) {
      std::vector<ir::NestOutput> none;
      contract_region(inner, none);
    }
    const bool sum = (op.opcode == Opcode::add || op.opcode == Opcode::sub) && is_floating(op.dtype);
    if (op.opcode == Opcode::argument) {
      numbers.push_back(builder.argument(op.dtype));
    } else if (sum && (is_product(original[0]) || is_product(original[1]))) {
      const bool left = is_product(original[0]);
      const ScalarOp& product = region.ops[original[left ? 0 : 1]];
      OpId factor = numbers[product.arguments[0]];
      OpId addend = op.arguments[left ? 1 : 0];
      if (op.opcode == Opcode::sub) (left ? addend : factor) = builder.unary(Opcode::neg, left ? addend : factor);
      numbers.push_back(builder.mul_add(factor, numbers[product.arguments[1]], addend));
    } else {
      numbers.push_back(builder.append(std::move(op)));
    }
  }
  for (ir::NestOutput& output : outputs) {
    for (ir::Index& index : output.indices)
      for (ir::Index::Term& term : index.terms) term.op = numbers[term.op];
    if (output.guard) output.guard = numbers[*output.guard];
  }
  std::vector<OpId> results;
  for (OpId result : region.results) results.push_back(numbers[result]);
  region = builder.finish(std::move(results));
}

/// A sum of products: the body gives both factors and the step is mul_add.
void contract_sum(ir::Nest& nest) {
  ir::Reduction& reduction = *nest.reduction;
  if (reduction.merge != Opcode::add || reduction.initial.size() != 1 || nest.body.results.size() != 1) return;
  const DType dtype = reduction.initial[0].dtype;
  const ScalarOp& value = nest.body.ops[nest.body.results[0]];
  if (!is_floating(dtype) || value.opcode != Opcode::mul) return;
  nest.body.results = {value.arguments[0], value.arguments[1]};
  RegionBuilder step;
  const OpId sum = step.argument(dtype);
  const OpId a = step.argument(dtype);
  const OpId b = step.argument(dtype);
  reduction.step = step.finish({step.mul_add(a, b, sum)});
}

void contract_block(ir::Block& block) {
  for (ir::Node& node : block.nodes) {
    if (auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      contract_region(nest->body, nest->outputs);
      if (nest->reduction) {
        std::vector<ir::NestOutput> none;
        contract_region(nest->reduction->step, none);
        contract_sum(*nest);
      }
      drop_dead_operations(*nest);
    } else if (auto* routine = std::get_if<ir::Routine>(&node.kind); routine != nullptr && routine->prefix) {
      std::vector<ir::NestOutput> none;
      contract_region(routine->prefix->combine, none);
    }
    visit_blocks(node, contract_block);
  }
}

}  // namespace

ir::Program contract(const ir::Program& program) {
  ir::Program result = program;
  contract_block(result.body);
  return result;
}

}  // namespace jaxc::compiler
