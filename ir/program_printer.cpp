// Prints Programs for people: one node a line, its scalar code and blocks indented below it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <iterator>

#include "ir/overloaded.h"
#include "ir/program.h"

namespace jaxc::ir {

namespace {

std::string text(const ScalarConstant& value) {
  if (value.dtype == DType::boolean) return value.bits != 0 ? "true" : "false";
  if (value.dtype == DType::f32) {
    const float number = std::bit_cast<float>(static_cast<std::uint32_t>(value.bits));
    return number == number ? fmt::format("{}", number) : fmt::format("nan:{:#x}", value.bits);
  }
  if (value.dtype == DType::f64) {
    const double number = std::bit_cast<double>(value.bits);
    return number == number ? fmt::format("{}", number) : fmt::format("nan:{:#x}", value.bits);
  }
  if (is_unsigned_integer(value.dtype)) return fmt::format("{}", value.bits);
  const int unused = 64 - 8 * static_cast<int>(element_bytes(value.dtype));
  return fmt::format("{}", static_cast<std::int64_t>(value.bits << unused) >> unused);
}

std::string text(const Index& index) {
  std::string result;
  for (const Index::Term& term : index.terms) {
    if (!result.empty()) result += " + ";
    if (term.coefficient != 1) result += fmt::format("{}*", term.coefficient);
    result += fmt::format("%{}", term.op);
  }
  if (result.empty()) return fmt::format("{}", index.offset);
  if (index.offset != 0) result += fmt::format(" {} {}", index.offset < 0 ? '-' : '+', std::abs(index.offset));
  return result;
}

std::string text(const std::vector<Index>& indices) {
  std::string result;
  for (const Index& index : indices) result += (result.empty() ? "" : ", ") + text(index);
  return result;
}

std::string operands(const std::vector<OpId>& ops) {
  std::string result;
  for (OpId op : ops) result += fmt::format("{}%{}", result.empty() ? "" : " ", op);
  return result;
}

std::string_view text(AxisKind kind) {
  switch (kind) {
    case AxisKind::parallel:
      return "parallel";
    case AxisKind::reduced:
      return "reduced";
    case AxisKind::ordered:
      return "ordered";
  }
  return "";
}

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {}

  std::string run() {
    line("program");
    ++depth_;
    for (const Interface& input : program_.inputs) line("input {} as {}", typed(input.array), to_string(input.type));
    for (const ProgramConstant& constant : program_.constants) line("constant {}", typed(constant.array));
    for (std::size_t number = 0; number < program_.functions.size(); ++number) function(number);
    block(program_.body, false);
    for (const Interface& output : program_.outputs) line("output a{} as {}", output.array, to_string(output.type));
    return std::move(out_);
  }

 private:
  template <typename... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    out_.append(2 * depth_, ' ');
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
    out_ += '\n';
  }

  std::string typed(ArrayId array) const {
    if (array >= program_.arrays.size()) return fmt::format("a{}: ?", array);
    const ProgramArray& info = program_.arrays[array];
    return fmt::format("a{}: {}{}", array, name(info.dtype), info.shape.empty() ? "" : to_string(info.shape));
  }

  static std::string list(const std::vector<ArrayId>& arrays) {
    std::string result;
    for (ArrayId array : arrays) result += fmt::format("{}a{}", result.empty() ? "" : ", ", array);
    return result;
  }

  std::string types(const std::vector<DType>& dtypes) const {
    std::vector<std::string_view> names;
    for (DType dtype : dtypes) names.push_back(name(dtype));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  void function(std::size_t number) {
    const ScalarFunction& function = program_.functions[number];
    line("function {} {}({})", number, function.name, types(function.region.arguments));
    region(function.region);
  }

  void region(const Region& region) {
    ++depth_;
    ops(region);
    line("give {}", operands(region.results));
    --depth_;
  }

  void ops(const Region& region) {
    for (OpId id = 0; id < region.ops.size(); ++id) {
      const ScalarOp& op = region.ops[id];
      line("%{}: {} = {}", id, name(op.dtype), text(op));
      for (std::size_t k = 0; k < op.regions.size(); ++k) {
        if (op.opcode == Opcode::branch)
          line("{}", k == 0 ? "then" : "else");
        else
          line("{}", k == 0 ? "while" : "do");
        this->region(op.regions[k]);
      }
    }
  }

  std::string text(const ScalarOp& op) const {
    switch (op.opcode) {
      case Opcode::constant:
        return ir::text(ScalarConstant{op.dtype, op.immediate});
      case Opcode::read: {
        std::string result = fmt::format("a{}[{}]", op.array, ir::text(op.indices));
        if (op.arguments.size() == 2) result += fmt::format(" if %{} else %{}", op.arguments[0], op.arguments[1]);
        return result;
      }
      case Opcode::call: {
        const bool known = op.immediate < program_.functions.size();
        return fmt::format("call {} {}", known ? program_.functions[op.immediate].name : "?", operands(op.arguments));
      }
      case Opcode::axis:
      case Opcode::argument:
      case Opcode::element:
      case Opcode::repeat:
        return fmt::format("{} {}{}{}", name(op.opcode), op.immediate, op.arguments.empty() ? "" : " ",
                           operands(op.arguments));
      default:
        return fmt::format("{} {}", name(op.opcode), operands(op.arguments));
    }
  }

  void block(const Block& block, bool with_results = true) {
    for (const Node& node : block.nodes) this->node(node);
    if (with_results) line("yield {}", list(block.results));
  }

  void node(const Node& node) {
    place_ = node.location.line == 0 ? "" : fmt::format("  @{}:{}", node.location.line, node.location.column);
    id_ = node.id;
    std::visit([&](const auto& kind) { this->kind(kind); }, node.kind);
  }

  void kind(const Nest& nest) {
    std::string axes;
    for (const Axis& axis : nest.axes)
      axes += fmt::format("{}{} {}", axes.empty() ? " " : ", ", ir::text(axis.kind), axis.extent);
    line("n{} nest{}{}", id_, axes, place_);
    ++depth_;
    ops(nest.body);
    if (nest.reduction) {
      std::string initial;
      for (const ScalarConstant& value : nest.reduction->initial) initial += " " + ir::text(value);
      line("reduce {} from{}", operands(nest.body.results), initial);
      region(nest.reduction->step);
      if (nest.reduction->merge) line("merge {}", name(*nest.reduction->merge));
    }
    for (std::size_t k = 0; k < nest.outputs.size(); ++k) store(nest, k);
    --depth_;
  }

  void store(const Nest& nest, std::size_t number) {
    const NestOutput& output = nest.outputs[number];
    std::string result = typed(output.result);
    if (output.base) result += fmt::format(" = a{} with", *output.base);
    const std::string value = nest.reduction                      ? fmt::format("accumulator {}", number)
                              : number < nest.body.results.size() ? fmt::format("%{}", nest.body.results[number])
                                                                  : "?";
    result += fmt::format(" [{}] = {}", ir::text(output.indices), value);
    if (output.guard) result += fmt::format(" if %{}", *output.guard);
    line("{}{}", result, output.combine ? " combined by" : "");
    if (output.combine) region(*output.combine);
  }

  void kind(const Reshape& reshape) {
    line("n{} reshape {} = a{}{}", id_, typed(reshape.result), reshape.source, place_);
  }

  void kind(const Loop& loop) {
    const std::string steps = loop.condition ? "while" : fmt::format("{} steps", loop.trip_count);
    line("n{} loop {} {}{}, position a{}{}", id_, loop.name, steps, loop.reverse ? " reversed" : "", loop.position,
         place_);
    ++depth_;
    for (const Carry& carry : loop.carries)
      line("carry {} from a{}, then a{}, at last {}", typed(carry.argument), carry.initial, carry.next,
           typed(carry.result));
    for (const StackedInput& input : loop.inputs)
      line("slice {} of a{} along {}", typed(input.argument), input.source, input.axis);
    for (const StackedOutput& output : loop.outputs)
      line("stack {} from a{} along {}", typed(output.result), output.value, output.axis);
    if (loop.condition) {
      line("condition");
      nested(*loop.condition);
    }
    line("body");
    nested(loop.body);
    --depth_;
  }

  void kind(const Branch& branch) {
    std::string results;
    for (ArrayId array : branch.results) results += (results.empty() ? "" : ", ") + typed(array);
    line("n{} branch {} by a{}{}", id_, results, branch.index, place_);
    ++depth_;
    for (std::size_t k = 0; k < branch.blocks.size(); ++k) {
      line("block {}", k);
      nested(branch.blocks[k]);
    }
    --depth_;
  }

  void kind(const Routine& routine) {
    std::string outputs;
    for (ArrayId array : routine.outputs) outputs += (outputs.empty() ? "" : ", ") + typed(array);
    std::string along;
    if (routine.ordering) along = fmt::format(" along {}", routine.ordering->dimension);
    if (routine.prefix)
      along = fmt::format(" along {}{}", routine.prefix->dimension, routine.prefix->reverse ? " reversed" : "");
    line("n{} routine {} = {}({}){}{}", id_, outputs, routine.name, list(routine.inputs), along, place_);
    ++depth_;
    if (routine.prefix) {
      std::string identity;
      for (const ScalarConstant& value : routine.prefix->identity)
        identity += (identity.empty() ? " from " : ", ") + ir::text(value);
      line("combine{}", identity);
      region(routine.prefix->combine);
    }
    block(routine.expansion, false);
    --depth_;
  }

  void nested(const Block& block) {
    ++depth_;
    this->block(block);
    --depth_;
  }

  const Program& program_;
  std::string out_;
  std::size_t depth_ = 0;
  NodeId id_ = 0;
  std::string place_;
};

}  // namespace

std::string print(const Program& program) {
  return Printer(program).run();
}

}  // namespace jaxc::ir
