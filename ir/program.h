// Program: the small loop form that every backend reads. Values first: storage is decided later, by a Plan.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/jaxpr.h"
#include "ir/scalar.h"
#include "jaxc/array.h"
#include "jaxc/types.h"

namespace jaxc::ir {

/// Identifies a node throughout its Program; dense from 0.
using NodeId = std::uint32_t;

struct Node;

/// Nodes in order; `results` are what the block yields to the loop or branch that holds it.
/// A block sees every array assigned before it in the blocks around it.
struct Block {
  std::vector<Node> nodes;
  std::vector<ArrayId> results;
};

enum class AxisKind : std::uint8_t {
  parallel,  ///< points are independent
  reduced,   ///< folded away by the nest's reduction
  ordered,   ///< points run in increasing order: their writes may collide
};

struct Axis {
  std::int64_t extent = 0;
  AxisKind kind = AxisKind::parallel;
};

/// The fold over the reduced axes. `step` takes the accumulators, then the body's results, and gives the
/// new accumulators. With `merge` (add, mul, min, max, bit_and, bit_or, bit_xor: one for every accumulator)
/// partial results may be folded separately and merged, so that the order is free; without, the order of
/// points is row-major.
struct Reduction {
  std::vector<ScalarConstant> initial;
  Region step;
  std::optional<Opcode> merge;
};

/// Stores one value a point. Without `base`, the stores cover every element of `result` exactly once.
/// With `base`, result is base with the stored elements replaced; with `combine`, a stored element is
/// combine(old element, value). Indices and guard name operations of the nest's body; in a nest with a
/// reduction only `axis` operations of parallel axes.
struct NestOutput {
  ArrayId result = 0;
  std::optional<ArrayId> base;
  std::vector<Index> indices;  ///< always in bounds where the guard holds
  std::optional<OpId> guard;   ///< no store where false; only with base
  std::optional<Region> combine;
};

/// A domain of axes (row-major order, outermost first), one scalar expression, and stores.
/// Output k stores the body's result k, or accumulator k when there is a reduction.
struct Nest {
  std::vector<Axis> axes;
  Region body;
  std::optional<Reduction> reduction;
  std::vector<NestOutput> outputs;
};

/// The elements of `source` in row-major order, under another shape.
struct Reshape {
  ArrayId source = 0;
  ArrayId result = 0;
};

/// initial -> argument -> next -> argument ... -> result.
struct Carry {
  ArrayId initial = 0;   ///< before the loop
  ArrayId argument = 0;  ///< the value at the start of a step; assigned by the loop
  ArrayId next = 0;      ///< assigned (or seen) by the body: the value for the next step
  ArrayId result = 0;    ///< the value after the last step
};

/// `argument` is `source` at one position along `axis`.
struct StackedInput {
  ArrayId source = 0;
  ArrayId argument = 0;
  int axis = 0;
};

/// `result` holds, at each position along `axis`, the body's `value`; value is assigned by a nest, reshape,
/// loop, branch or routine of the body and is neither a carry's next nor another stacked output.
struct StackedOutput {
  ArrayId value = 0;
  ArrayId result = 0;
  int axis = 0;
};

/// A loop over time. With `condition` (a block that yields one boolean scalar) it runs while that holds,
/// and has no stacked arrays; otherwise `trip_count` times. Step s is at position s, or trip_count-1-s when
/// reversed; `position` is that number, an i64 scalar.
struct Loop {
  std::string name;  ///< the primitive's name, for reports
  std::int64_t trip_count = 0;
  std::optional<Block> condition;
  bool reverse = false;
  ArrayId position = 0;
  std::vector<Carry> carries;
  std::vector<StackedInput> inputs;
  std::vector<StackedOutput> outputs;
  Block body;  ///< its results: the carries' nexts, then the stacked outputs' values
};

/// results[k] = the k-th result of the block number `index` (an i32 scalar, clamped to the blocks).
struct Branch {
  ArrayId index = 0;
  std::vector<Block> blocks;
  std::vector<ArrayId> results;
};

/// What a sort orders: lines of keys along one dimension, in JAX's order (-0 equals 0; every NaN is equal and last),
/// equal keys by position.
struct Ordering {
  enum class Result : std::uint8_t {
    values,     ///< the line in order
    positions,  ///< the positions of its elements in order
    largest,    ///< the largest elements, in descending order, and their positions
  };
  Result result = Result::values;
  DType key = DType::f32;  ///< what the elements of the input mean: f16 is stored as u16
  int dimension = 0;       ///< of the input
};

/// What a routine of prefixes computes: its results are the inputs' lines along one dimension, each element combined
/// with all before it (reversed: after it). All arrays have the same dimensions before that one, which number the
/// lines, and result k has input k's type.
struct Prefix {
  /// From the scalars of the elements so far, input by input, and those of the next element, to their combination.
  /// Associative as far as rounding allows: elements may be grouped in any way, in their order.
  Region combine;
  std::vector<ScalarConstant> identity;  ///< combined with an element it gives the element; empty where none is known
  int dimension = 0;
  bool reverse = false;
};

/// What a routine of dense linear algebra computes over the last two dimensions (before that of a complex number's
/// parts) of its inputs, as JAX's primitive of that name does.
struct MatrixRoutine {
  enum class Kind : std::uint8_t {
    cholesky,
    triangular_solve,
    lu,
    geqrf,
    householder_product,
    qr,
    pivoted_qr,
    eigh,
    eig,
    schur,
    svd
  };
  Kind kind = Kind::cholesky;
  DType dtype = DType::f32;  ///< of the numbers: f32, f64, c64 or c128
  bool lower = true;         ///< triangular_solve, eigh: which triangle is read
  bool left = true;          ///< triangular_solve: op(A) X = B, else X op(A) = B; eig: left vectors are wanted
  bool transpose = false;
  bool conjugate = false;
  bool unit = false;       ///< the diagonal is ones, and is not read
  std::int64_t first = 0;  ///< eigh, svd: the first of the values that are wanted
};

/// A named computation (cholesky, sort, ...) with its expansion. `outputs` are assigned in the expansion;
/// a plan runs the expansion, or replaces the whole node by a library's routine.
struct Routine {
  std::string name;
  std::optional<Ordering> ordering;     ///< of a sort of one real key, which a library can stand in for
  std::optional<Prefix> prefix;         ///< of prefixes that can be computed in parts and vectors
  std::optional<MatrixRoutine> matrix;  ///< of dense linear algebra, which a library can stand in for
  std::vector<ArrayId> inputs;
  std::vector<ArrayId> outputs;
  Block expansion;
};

struct Node {
  NodeId id = 0;
  Location location;  ///< the equation that it comes from
  std::variant<Nest, Reshape, Loop, Branch, Routine> kind;
};

/// An array of the Program: bool, i8..i64, u8..u64, f32 or f64. Complex numbers have a trailing extent 2,
/// keys are u32[..., 2], f16 and bf16 are u16.
struct ProgramArray {
  DType dtype = DType::f32;
  Shape shape;
};

/// An input or output as the caller sees it; its bytes are the array's bytes.
struct Interface {
  ArrayId array = 0;
  Type type;
};

struct ProgramConstant {
  ArrayId array = 0;
  Array value;
};

struct Program {
  std::vector<ProgramArray> arrays;
  std::vector<ScalarFunction> functions;
  std::vector<Interface> inputs;
  std::vector<ProgramConstant> constants;
  std::vector<Interface> outputs;  ///< each names an array that no other output, input or constant names
  Block body;                      ///< its results: the outputs' arrays
  NodeId node_count = 0;
};

/// Text for people: stable, one node a line, bodies indented.
std::string print(const Program& program);
/// Checks every rule stated above; throws InternalError that names the node.
void verify(const Program& program);

/// Visits every node, outer before inner.
void visit_nodes(const Block& block, const std::function<void(const Node&)>& visit);
/// The same for a node and all inside it.
void visit_nodes(const Node& node, const std::function<void(const Node&)>& visit);
/// Arrays that a node reads, blocks inside included (arrays assigned inside excluded).
std::vector<ArrayId> arrays_read(const Node& node);
/// Arrays that a node assigns for the nodes after it.
std::vector<ArrayId> arrays_assigned(const Node& node);
/// Arrays that a loop gives to each of its steps: position, carries' arguments, slices of stacked inputs.
std::vector<ArrayId> loop_arguments(const Loop& loop);

}  // namespace jaxc::ir
