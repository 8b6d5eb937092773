// Signatures of loops, branches and calls.
#include <limits>

#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

Types part(const Types& types, std::size_t first, std::size_t count) {
  const auto begin = types.begin() + static_cast<std::ptrdiff_t>(first);
  return Types(begin, begin + static_cast<std::ptrdiff_t>(count));
}

void require_carry(const TypeQuery& query, std::size_t position, const Type& got, const Type& expected) {
  query.require(got == expected, "the body must return carry {} as {}, got {}", position, to_string(expected),
                to_string(got));
}

// Operands: constants, carry, xs. Results: carry, ys.
Types scan_types(const TypeQuery& query) {
  const ScanShape scan = scan_shape(query.equation);
  query.require(scan.length >= 0, "length must not be negative, got {}", scan.length);
  for (std::int64_t count : {scan.constants, scan.carries, scan.stacked}) {
    query.require(count >= 0 && std::cmp_less_equal(count, query.operands.size()),
                  "operand groups must fit the {}, got {}", counted(query.operands.size(), "operand"), count);
  }
  const auto constants = static_cast<std::size_t>(scan.constants);
  const auto carries = static_cast<std::size_t>(scan.carries);
  const auto stacked = static_cast<std::size_t>(scan.stacked);
  query.require(query.operands.size() == constants + carries + stacked, "takes {}, {} and {} xs, got {}",
                counted(constants, "constant"), counted(carries, "carry"), stacked,
                counted(query.operands.size(), "operand"));
  Types arguments = part(query.operands, 0, constants + carries);
  for (std::size_t i = constants + carries; i < query.operands.size(); ++i) {
    const Type& type = query.operands[i];
    query.require(!type.shape.empty() && type.shape[0] == scan.length, "xs must have {} steps, got {}", scan.length,
                  to_string(type));
    arguments.push_back({type.dtype, Shape(type.shape.begin() + 1, type.shape.end())});
  }
  const Types outputs = call_types(query, "the body", *scan.body, arguments);
  query.require(outputs.size() >= carries, "the body must return {}, got {}", counted(carries, "carry"),
                counted(outputs.size(), "output"));
  require_count(query, "ft_out", scan.kept.size(), outputs.size() - carries);
  Types results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i < carries) {
      require_carry(query, i, outputs[i], query.operands[constants + i]);
      results.push_back(outputs[i]);
    } else if (scan.kept[i - carries]) {
      Type stack{outputs[i].dtype, {scan.length}};
      stack.shape.insert(stack.shape.end(), outputs[i].shape.begin(), outputs[i].shape.end());
      results.push_back(stack);
    }
  }
  return results;
}

// Operands: the condition's constants, the body's constants, carry. A condition with axes is that of a vmapped
// loop: it runs while any element holds, and the carries of the others stay as they are.
Types while_types(const TypeQuery& query) {
  const std::int64_t condition_constants = query.parameters().integer("cond_nconsts");
  const std::int64_t body_constants = query.parameters().integer("body_nconsts");
  const auto count = static_cast<std::int64_t>(query.operands.size());
  query.require(condition_constants >= 0 && body_constants >= 0 && condition_constants <= count &&
                    body_constants <= count - condition_constants,
                "takes {} and {}, got {}", condition_constants, counted(body_constants, "constant"),
                counted(count, "operand"));
  const auto first = static_cast<std::size_t>(condition_constants);
  const auto second = static_cast<std::size_t>(body_constants);
  const Types carry = part(query.operands, first + second, query.operands.size() - first - second);
  Types condition_arguments = part(query.operands, 0, first);
  condition_arguments.insert(condition_arguments.end(), carry.begin(), carry.end());
  const Types condition =
      call_types(query, "the condition", *query.parameters().jaxpr("cond_jaxpr"), condition_arguments);
  query.require(condition.size() == 1 && condition[0].dtype == DType::boolean,
                "the condition must return one boolean, got {}",
                condition.size() == 1 ? to_string(condition[0]) : counted(condition.size(), "output"));
  for (const Type& type : carry) {
    const Shape& batch = condition[0].shape;
    query.require(type.shape.size() >= batch.size() && std::equal(batch.begin(), batch.end(), type.shape.begin()),
                  "every carry must begin with the condition's batch axes {}, got {}", to_string(batch),
                  to_string(type));
  }
  Types body_arguments = part(query.operands, first, second);
  body_arguments.insert(body_arguments.end(), carry.begin(), carry.end());
  const Types outputs = call_types(query, "the body", *query.parameters().jaxpr("body_jaxpr"), body_arguments);
  query.require(outputs.size() == carry.size(), "the body must return {}, got {}", counted(carry.size(), "carry"),
                counted(outputs.size(), "output"));
  for (std::size_t i = 0; i < carry.size(); ++i) require_carry(query, i, outputs[i], carry[i]);
  return carry;
}

// Operands: constants, then the leaves of xs. The body works on slabs of extent 1 along `axis`.
Types associative_scan_types(const TypeQuery& query) {
  const std::int64_t constants = query.parameters().integer_or("num_consts", 0);
  query.require(constants >= 0 && constants < static_cast<std::int64_t>(query.operands.size()),
                "takes {} and at least one array, got {}", counted(constants, "constant"),
                counted(query.operands.size(), "operand"));
  const Types leaves = part(query.operands, static_cast<std::size_t>(constants), query.operands.size() - constants);
  Types slabs;
  for (const Type& leaf : leaves) {
    const std::size_t axis = require_axis(query, query.parameters().integer_or("axis", 0), leaf.shape.size());
    query.require(leaf.shape[axis] == leaves[0].shape[axis], "arrays must have one extent along axis {}, got {} and {}",
                  axis, to_string(leaves[0]), to_string(leaf));
    slabs.push_back(leaf);
    slabs.back().shape[axis] = 1;
  }
  Types arguments = part(query.operands, 0, static_cast<std::size_t>(constants));
  arguments.insert(arguments.end(), slabs.begin(), slabs.end());
  arguments.insert(arguments.end(), slabs.begin(), slabs.end());
  query.require(call_types(query, "the body", *query.parameters().jaxpr("jaxpr"), arguments) == slabs,
                "the body must return the types of its slabs");
  return leaves;
}

// Operands: the index, then the branches' operands.
Types cond_types(const TypeQuery& query) {
  const Type& index = query.operands[0];
  query.require(index.shape.empty() && (index.dtype == DType::boolean || index.dtype == DType::i32),
                "the index must be i32[] or bool[], got {}", to_string(index));
  const auto branches = query.parameters().jaxprs("branches");
  query.require(!branches.empty(), "needs at least one branch, got none");
  const Types arguments = part(query.operands, 1, query.operands.size() - 1);
  const Types first = call_types(query, "branch 0", *branches[0], arguments);
  for (std::size_t i = 1; i < branches.size(); ++i) {
    const Types other = call_types(query, fmt::format("branch {}", i), *branches[i], arguments);
    query.require(other.size() == first.size(), "branches must return as many outputs, got {} and {}", first.size(),
                  other.size());
    for (std::size_t j = 0; j < other.size(); ++j) {
      query.require(other[j] == first[j], "branches must return equal types, got {} and {}", to_string(first[j]),
                    to_string(other[j]));
    }
  }
  return first;
}

Types called_types(const TypeQuery& query) {
  const JaxprPointer callee = called_jaxpr(query.equation);
  query.require(callee != nullptr, "parameter jaxpr is missing");
  return call_types(query, "its jaxpr", *callee, query.operands);
}

Types platform_index_types(const TypeQuery& query) {
  query.require(query.parameters().find("platforms") != nullptr, "parameter platforms is missing");
  return {{DType::i32, {}}};
}

// Operands: the four functions' constants, then the right-hand sides. `solve` yields the solutions.
Types linear_solve_types(const TypeQuery& query) {
  const LinearSolve solve = linear_solve(query.parameters());
  const auto total = static_cast<std::size_t>(solve.constants());
  query.require(query.operands.size() >= total, "takes {}, got {}", counted(total, "constant"),
                counted(query.operands.size(), "operand"));
  query.require(solve.solve.jaxpr != nullptr, "jaxprs must hold a solve");
  Types arguments = part(query.operands, static_cast<std::size_t>(solve.matvec.constants + solve.vecmat.constants),
                         static_cast<std::size_t>(solve.solve.constants));
  arguments.insert(arguments.end(), query.operands.begin() + static_cast<std::ptrdiff_t>(total), query.operands.end());
  return call_types(query, "solve", *solve.solve.jaxpr, arguments);
}

constexpr OperandCount any_number = OperandCount::at_least(0);
constexpr Domain anything{dtypes::any, any_number};

}  // namespace

namespace signatures {

const Signature scan{scan_types, anything};
const Signature while_loop{while_types, anything};
const Signature associative_scan{associative_scan_types, anything};
const Signature cond{cond_types, {dtypes::bits, OperandCount::at_least(1), {Interval{0, 1}, Interval{}, Interval{}}}};
const Signature platform_index{platform_index_types, {dtypes::any, 0}};
const Signature jit{called_types, anything};
const Signature pjit{called_types, anything};
const Signature closed_call{called_types, anything};
const Signature core_call{called_types, anything};
const Signature custom_jvp_call{called_types, anything};
const Signature custom_vjp_call{called_types, anything};
const Signature custom_linear_solve{linear_solve_types, anything};
const Signature remat2{called_types, anything};
const Signature checkpoint{called_types, anything};
const Signature name{rules::unchanged, {dtypes::any, 1}};
const Signature optimization_barrier{rules::unchanged, anything};

}  // namespace signatures

}  // namespace jaxc::ir
