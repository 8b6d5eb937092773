// ScanShape: the groups of a scan's operands and results, from either printed form.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/jaxpr.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

/// The leaves of one group of a flat tree; true where the leaf is a value, false where it is Left.
using Leaves = std::vector<bool>;

[[noreturn]] void refuse(std::string_view key, std::string_view rule) {
  throw Error(fmt::format("scan: {} {}", key, rule));
}

const std::vector<Parameter>* items(const Parameter& parameter) {
  if (const auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) return &tuple->items;
  if (const auto* list = std::get_if<Parameter::List>(&parameter.value)) return &list->items;
  return nullptr;
}

const Parameter::Call* call(const Parameter& parameter) {
  return std::get_if<Parameter::Call>(&parameter.value);
}

const Parameter* argument(const Parameter::Call& call, std::string_view key) {
  for (const auto& [name, value] : call.arguments) {
    if (name == key) return &value;
  }
  return nullptr;
}

/// True unless a constructor within the leaf is Left: RightsOnly(Left(None)).
bool is_value(const Parameter& leaf) {
  const Parameter::Call* const constructor = call(leaf);
  if (constructor == nullptr) return true;
  if (constructor->name == "Left") return false;
  for (const auto& [name, value] : constructor->arguments) {
    if (!is_value(value)) return false;
  }
  return true;
}

/// The number of stars in a PyTreeDef's tree.
std::size_t count_stars(const Parameter& tree) {
  if (const auto* symbol = std::get_if<Parameter::Symbol>(&tree.value)) return symbol->text == "*" ? 1 : 0;
  std::size_t count = 0;
  if (const auto* const children = items(tree)) {
    for (const Parameter& child : *children) count += count_stars(child);
  } else if (const Parameter::Call* const node = call(tree)) {
    for (const auto& [name, child] : node->arguments) count += count_stars(child);
  }
  return count;
}

void append_leaves(const Parameter& tree, Leaves& leaves) {
  if (const auto* const children = items(tree)) {
    for (const Parameter& child : *children) append_leaves(child, leaves);
    return;
  }
  const Parameter::Call* const node = call(tree);
  const Parameter* const values = node != nullptr && node->name == "Pytree" ? argument(*node, "vals") : nullptr;
  if (values != nullptr && items(*values) != nullptr) {
    for (const Parameter& leaf : *items(*values)) leaves.push_back(is_value(leaf));
  } else {
    leaves.push_back(is_value(tree));
  }
}

/// The leaves of each of the `count` groups of a flat tree: a tuple of trees, or a Pytree whose
/// PyTreeDef is a tuple of trees.
std::vector<Leaves> read_groups(std::string_view key, const Parameter& parameter, std::size_t count) {
  std::vector<Leaves> groups;
  if (const auto* const trees = items(parameter)) {
    for (const Parameter& tree : *trees) append_leaves(tree, groups.emplace_back());
  } else if (const Parameter::Call* const node = call(parameter); node != nullptr && node->name == "Pytree") {
    const Parameter* const values = argument(*node, "vals");
    const Parameter* const definition = argument(*node, "tree");
    const Parameter::Call* const tree = definition == nullptr ? nullptr : call(*definition);
    if (values == nullptr || items(*values) == nullptr || tree == nullptr || tree->arguments.size() != 1 ||
        items(tree->arguments[0].value) == nullptr) {
      refuse(key, "must be a Pytree of vals and a PyTreeDef of groups");
    }
    const std::vector<Parameter>& leaves = *items(*values);
    std::size_t position = 0;
    for (const Parameter& group : *items(tree->arguments[0].value)) {
      const std::size_t size = count_stars(group);
      if (size > leaves.size() - position) refuse(key, "must have a value for each star of its tree");
      Leaves& kept = groups.emplace_back();
      for (const std::size_t end = position + size; position < end; ++position) {
        kept.push_back(is_value(leaves[position]));
      }
    }
    if (position != leaves.size()) refuse(key, "must have a star in its tree for each value");
  }
  if (groups.size() != count) refuse(key, fmt::format("must have {} groups of leaves", count));
  return groups;
}

}  // namespace

ScanShape scan_shape(const Equation& equation) {
  const Parameters& parameters = equation.parameters;
  ScanShape shape;
  shape.length = parameters.integer("length");
  if (shape.length < 0) refuse("length", fmt::format("must not be negative, got {}", shape.length));
  shape.reverse = parameters.boolean_or("reverse", false);
  shape.body = parameters.jaxpr("jaxpr");
  const auto operands = static_cast<std::int64_t>(equation.inputs.size());
  const auto body_outputs = static_cast<std::int64_t>(shape.body->outputs.size());
  const Parameter* const operand_tree = parameters.find("ft_in");
  const Parameter* const result_tree = parameters.find("ft_out");
  if (operand_tree != nullptr && result_tree != nullptr) {
    const std::vector<Leaves> groups = read_groups("ft_in", *operand_tree, 3);
    shape.constants = static_cast<std::int64_t>(groups[0].size());
    shape.carries = static_cast<std::int64_t>(groups[1].size());
    shape.stacked = static_cast<std::int64_t>(groups[2].size());
    std::vector<Leaves> results = read_groups("ft_out", *result_tree, 2);
    if (results[0].size() != groups[1].size()) {
      refuse("ft_out",
             fmt::format("must have as many carries as ft_in, got {} and {}", results[0].size(), groups[1].size()));
    }
    shape.kept = std::move(results[1]);
    // A Left leaf may be absent from the body as well as from the equation.
    const auto values = std::count(shape.kept.begin(), shape.kept.end(), true);
    if (body_outputs - shape.carries == values) shape.kept.assign(static_cast<std::size_t>(values), true);
  } else if (parameters.find("num_consts") != nullptr && parameters.find("num_carry") != nullptr) {
    shape.constants = parameters.integer("num_consts");
    shape.carries = parameters.integer("num_carry");
    if (shape.constants < 0 || shape.carries < 0 || shape.constants > operands ||
        shape.carries > operands - shape.constants) {
      refuse("num_consts and num_carry",
             fmt::format("must be within the {} operands, got {} and {}", operands, shape.constants, shape.carries));
    }
    shape.stacked = operands - shape.constants - shape.carries;
    if (body_outputs >= shape.carries) shape.kept.assign(static_cast<std::size_t>(body_outputs - shape.carries), true);
  } else {
    throw Error("scan: must have num_consts and num_carry, or ft_in and ft_out");
  }
  if (shape.constants + shape.carries + shape.stacked != operands) {
    refuse("ft_in", fmt::format("must have a leaf for each operand, got {} and {} operands",
                                shape.constants + shape.carries + shape.stacked, operands));
  }
  if (std::cmp_not_equal(shape.body->inputs.size(), operands)) {
    refuse("jaxpr", fmt::format("must have an input for each operand, got {} and {} operands",
                                shape.body->inputs.size(), operands));
  }
  if (body_outputs != shape.carries + static_cast<std::int64_t>(shape.kept.size())) {
    refuse("jaxpr", fmt::format("must have an output for each carry and each y, got {} and {}", body_outputs,
                                shape.carries + static_cast<std::int64_t>(shape.kept.size())));
  }
  return shape;
}

}  // namespace jaxc::ir
