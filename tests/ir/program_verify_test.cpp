// Each rule of a Program, broken once in a Program that is otherwise right.
#include <gtest/gtest.h>

#include <algorithm>

#include "jaxc/error.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

struct Broken {
  std::string_view rule;  ///< a part of the message
  std::function<void(Program&)> change;
};

template <typename Kind>
Kind& part(Program& program, std::size_t number) {
  return std::get<Kind>(program.body.nodes.at(number).kind);
}
// The sample's nodes by number in the body.
Nest& map(Program& p) {
  return part<Nest>(p, 0);
}
Reshape& reshape(Program& p) {
  return part<Reshape>(p, 1);
}
Nest& reduction(Program& p) {
  return part<Nest>(p, 2);
}
Nest& update(Program& p) {
  return part<Nest>(p, 3);
}
Loop& scan(Program& p) {
  return part<Loop>(p, 4);
}
Branch& branch(Program& p) {
  return part<Branch>(p, 5);
}
Routine& routine(Program& p) {
  return part<Routine>(p, 6);
}
Loop& conditional(Program& p) {
  return part<Loop>(p, 8);
}

ScalarOp& find(Nest& nest, Opcode opcode) {
  return *std::find_if(nest.body.ops.begin(), nest.body.ops.end(),
                       [&](const ScalarOp& op) { return op.opcode == opcode; });
}

ScalarOp constant(DType dtype, std::uint64_t bits) {
  ScalarOp op;
  op.dtype = dtype;
  op.immediate = bits;
  return op;
}

void expect_broken(const std::vector<Broken>& rows) {
  for (const Broken& row : rows) {
    Program program = sample_program();
    row.change(program);
    try {
      verify(program);
      ADD_FAILURE() << "not found: " << row.rule;
    } catch (const InternalError& error) {
      EXPECT_NE(std::string_view(error.what()).find(row.rule), std::string_view::npos)
          << error.what() << "\nwanted: " << row.rule;
    }
  }
}

TEST(ProgramVerify, AcceptsTheSample) {
  EXPECT_NO_THROW(verify(sample_program()));
}

TEST(ProgramVerify, ArraysAndNodes) {
  expect_broken({
      {"node 1 (line 2:1), reshape: a3 is assigned once", [](Program& p) { reshape(p).result = 3; }},
      {"names a99, not assigned here", [](Program& p) { reshape(p).source = 99; }},
      {"a99 does not exist", [](Program& p) { reshape(p).result = 99; }},
      {"a4 is not assigned here", [](Program& p) { find(map(p), Opcode::read).array = 4; }},
      {"the array does not exist", [](Program& p) { find(map(p), Opcode::read).array = 99; }},
      {"node numbers are dense", [](Program& p) { p.body.nodes[1].id = 0; }},
      {"node numbers are dense", [](Program& p) { ++p.node_count; }},
      {"program: output a6 holds a f32[4,1]", [](Program& p) { p.outputs[2].type.shape = {4, 1}; }},
      {"another output",
       [](Program& p) {
         p.outputs[1] = p.outputs[0];
         p.body.results[1] = p.body.results[0];
       }},
      {"a0 is an input",
       [](Program& p) {
         p.outputs[0] = p.inputs[0];
         p.body.results[0] = p.inputs[0].array;
       }},
      {"the body yields the outputs' arrays", [](Program& p) { std::swap(p.body.results[0], p.body.results[1]); }},
      {"extents are not negative", [](Program& p) { p.arrays[4].shape = {-12}; }},
  });
}

TEST(ProgramVerify, ScalarCode) {
  const auto with = [](Opcode opcode, DType dtype, std::vector<OpId> arguments, std::uint64_t immediate = 0) {
    return [=](Program& p) {  // operations of the map: 0, 1 axes; 2 the element; 3 the constant 2; 4 the product
      ScalarOp op;
      op.opcode = opcode;
      op.dtype = dtype;
      op.arguments = arguments;
      op.immediate = immediate;
      map(p).body.ops.push_back(op);
    };
  };
  const DType f32 = DType::f32;
  const DType i64 = DType::i64;
  const DType boolean = DType::boolean;
  expect_broken({
      {"%5 f32 add: uses an operation that does not come before it", with(Opcode::add, f32, {2, 5})},
      {"has a wrong number of operands", with(Opcode::add, f32, {2})},
      {"operands have the result's type", with(Opcode::add, f32, {2, 0})},
      {"operands have the result's type", with(Opcode::add, i64, {2, 2})},
      {"takes numbers", with(Opcode::neg, boolean, {2})},
      {"takes floats", with(Opcode::sqrt, i64, {0})},
      {"takes integers or booleans", with(Opcode::bit_and, f32, {2, 2})},
      {"takes integers", with(Opcode::shift_left, f32, {2, 2})},
      {"takes a float", with(Opcode::is_nan, boolean, {0})},
      {"gives a boolean", with(Opcode::lt, f32, {2, 2})},
      {"operands have one type", with(Opcode::lt, boolean, {2, 0})},
      {"the condition is a boolean", with(Opcode::select, f32, {2, 2, 2})},
      {"a boolean is made by comparing", with(Opcode::bitcast, boolean, {2})},
      {"the operand has the same width", with(Opcode::bitcast, i64, {2})},
      {"scalar code lacks", with(Opcode::convert, DType::bf16, {2})},
      {"the nest has no axis of this number", with(Opcode::axis, i64, {}, 2)},
      {"a position is an i64", with(Opcode::axis, DType::i32, {}, 1)},
      {"no argument of this number", with(Opcode::argument, f32, {})},
      {"the function does not exist", with(Opcode::call, f32, {2})},
      {"the operand is a branch or repeat", with(Opcode::element, f32, {2})},
      {"the condition is a boolean", with(Opcode::branch, f32, {2})},
      {"has two regions", with(Opcode::repeat, f32, {2})},
      {"the bits fit the type", [](Program& p) { map(p).body.ops.push_back(constant(DType::i8, 256)); }},
      {"the body takes no arguments", [](Program& p) { map(p).body.arguments = {DType::f32}; }},
      {"is no operation of the region", [](Program& p) { map(p).body.results = {77}; }},
      {"has the array's element type",
       [](Program& p) {
         p.arrays[0].dtype = DType::f32;
         find(map(p), Opcode::read).dtype = DType::f64;
       }},
      {"has one index per dimension", [](Program& p) { find(map(p), Opcode::read).indices.pop_back(); }},
      {"indices are i64 operations",
       [](Program& p) {
         map(p).body.ops.insert(map(p).body.ops.begin(), constant(DType::f32, 0));
         for (ScalarOp& op : map(p).body.ops)
           for (OpId& id : op.arguments) ++id;
         map(p).body.results[0] += 1;
       }},
      {"index 1 is in bounds, got 1..3 in extent 3",
       [](Program& p) { find(map(p), Opcode::read).indices[1].offset = 1; }},
      {"index 0 is in bounds, got -3..0 in extent 4",
       [](Program& p) { find(map(p), Opcode::read).indices[0].terms[0].coefficient = -1; }},
      {"takes a guard and a fallback", [](Program& p) { find(map(p), Opcode::read).arguments = {0}; }},
      {"the guard is a boolean", [](Program& p) { find(map(p), Opcode::read).arguments = {0, 0}; }},
  });
}

TEST(ProgramVerify, RegionsAreClosed) {
  const auto axis = [] {
    ScalarOp op;
    op.opcode = Opcode::axis;
    op.dtype = DType::i64;
    return op;
  };
  expect_broken({
      {"the reduction's step: %3 i64 axis: only the body of a nest",
       [&](Program& p) { reduction(p).reduction->step.ops.push_back(axis()); }},
      {"combine: %3 f32 read: only a nest's body reads",
       [](Program& p) {
         ScalarOp op;
         op.opcode = Opcode::read;
         op.dtype = DType::f32;
         op.indices = {Index{}};
         op.array = 4;
         update(p).outputs[0].combine->ops.push_back(op);
       }},
      {"function f: %0 i64 axis",
       [&](Program& p) {
         Region region;
         region.ops = {axis()};
         region.results = {0};
         p.functions.push_back({"f", region});
       }},
      {"functions do not call each other in a circle",
       [](Program& p) {
         for (std::uint64_t other : {1, 0}) {
           RegionBuilder r;
           const OpId x = r.argument(DType::f32);
           const OpId result = r.call(DType::f32, other, {x});
           p.functions.push_back({"f", r.finish({result})});
         }
       }},
  });
}

TEST(ProgramVerify, Nests) {
  expect_broken({
      {"only a reduction has reduced axes", [](Program& p) { map(p).axes[0].kind = AxisKind::reduced; }},
      {"a reduction has no ordered axes", [](Program& p) { reduction(p).axes[0].kind = AxisKind::ordered; }},
      {"stores each result of the body", [](Program& p) { map(p).outputs.clear(); }},
      {"a result has its value's type", [](Program& p) { map(p).body.results[0] = 0; }},
      {"stores cover every element of a3 exactly once", [](Program& p) { map(p).outputs[0].indices[1].terms.clear(); }},
      {"stores cover every element of a3 exactly once", [](Program& p) { map(p).axes[0].extent = 3; }},
      {"stores without a base have affine indices",
       [](Program& p) {
         ScalarOp op;
         op.opcode = Opcode::neg;
         op.dtype = DType::i64;
         op.arguments = {1};
         map(p).body.ops.push_back(op);
         map(p).outputs[0].indices[1] = at(static_cast<OpId>(map(p).body.ops.size() - 1));
       }},
      {"a reduction stores at positions of parallel axes",
       [](Program& p) { reduction(p).outputs[0].indices[0].terms[0].op = 1; }},
      {"only stores into a base are combined",
       [](Program& p) { map(p).outputs[0].combine = ProgramBuilder::step(Opcode::add, DType::f32); }},
      {"only stores into a base are guarded", [](Program& p) { map(p).outputs[0].guard = 0; }},
      {"a guard is a boolean", [](Program& p) { update(p).outputs[0].guard = 0; }},
      {"combine takes two elements",
       [](Program& p) { update(p).outputs[0].combine = ProgramBuilder::step(Opcode::add, DType::f64); }},
      {"a base has the result's type", [](Program& p) { update(p).outputs[0].base = 3; }},
      {"the step takes the accumulators",
       [](Program& p) { reduction(p).reduction->step.arguments.push_back(DType::f32); }},
      {"the step keeps accumulators' types",
       [](Program& p) { reduction(p).reduction->initial[0] = constant_of(DType::f64, 0); }},
      {"merges no partial results", [](Program& p) { reduction(p).reduction->merge = Opcode::sub; }},
      {"as many elements of one type", [](Program& p) { p.arrays[4].shape = {11}; }},
  });
}

TEST(ProgramVerify, Control) {
  expect_broken({
      {"a carry keeps its type", [](Program& p) { p.arrays[scan(p).carries[0].argument].shape = {4}; }},
      {"the position is an i64 scalar", [](Program& p) { p.arrays[scan(p).position].dtype = DType::i32; }},
      {"a stacked array has one slice per step", [](Program& p) { scan(p).trip_count = 5; }},
      {"a stacked array has the axis", [](Program& p) { scan(p).inputs[0].axis = 2; }},
      {"a slice is the stacked array without the axis",
       [](Program& p) { p.arrays[scan(p).inputs[0].argument].shape = {2}; }},
      {"the body yields the nexts", [](Program& p) { std::swap(scan(p).body.results[0], scan(p).body.results[1]); }},
      {"a node of the body assigns a stacked value",
       [](Program& p) { scan(p).outputs[0].value = scan(p).body.results[1] = scan(p).inputs[0].argument; }},
      {"a stacked value is no carry's next",
       [](Program& p) { scan(p).outputs[0].value = scan(p).body.results[1] = scan(p).carries[0].next; }},
      {"the number of steps is not negative", [](Program& p) { scan(p).trip_count = -1; }},
      {"a conditional loop stacks no arrays", [](Program& p) { scan(p).condition = Block{}; }},
      {"the condition yields one boolean", [](Program& p) { conditional(p).condition->results.clear(); }},
      {"the condition yields one boolean",
       [](Program& p) { conditional(p).condition->results = {conditional(p).carries[0].argument}; }},
      {"not assigned here", [](Program& p) { p.body.results[0] = p.outputs[0].array = scan(p).carries[0].next; }},
      {"the index is an i32 scalar", [](Program& p) { branch(p).index = 0; }},
      {"has a block", [](Program& p) { branch(p).blocks.clear(); }},
      {"each block yields the results", [](Program& p) { branch(p).blocks[0].results.clear(); }},
      {"values of the results' types", [](Program& p) { branch(p).blocks[1].results = {0}; }},
      {"the expansion yields the outputs", [](Program& p) { routine(p).expansion.results.clear(); }},
      {"which is no input", [](Program& p) { routine(p).inputs.clear(); }},
      {"the expansion assigns the outputs",
       [](Program& p) { routine(p).outputs = routine(p).expansion.results = {routine(p).inputs[0]}; }},
  });
}

TEST(ProgramVerify, RegionsOfScalarCode) {
  const DType f32 = DType::f32;
  const DType f64 = DType::f64;
  const DType boolean = DType::boolean;
  using Types = std::vector<DType>;
  const auto region = [](const Types& takes, const Types& gives) {
    RegionBuilder r;
    for (const DType type : takes) r.argument(type);
    std::vector<OpId> results;
    for (const DType type : gives) results.push_back(r.constant(type, 0));
    return r.finish(results);
  };
  // In the map, 2 is an f32; then 5 is a boolean, 6 the operation, and 7 perhaps another one.
  const auto with = [&](Opcode opcode, DType dtype, std::vector<OpId> arguments, std::vector<Region> regions,
                        std::optional<ScalarOp> then = std::nullopt) {
    return [=](Program& p) {
      std::vector<ScalarOp>& ops = map(p).body.ops;
      ScalarOp condition;
      condition.opcode = Opcode::is_nan;
      condition.dtype = boolean;
      condition.arguments = {2};
      ops.push_back(condition);
      ScalarOp op;
      op.opcode = opcode;
      op.dtype = dtype;
      op.arguments = arguments;
      op.regions = regions;
      ops.push_back(op);
      if (then) ops.push_back(*then);
    };
  };
  const auto branch_of = [&](DType dtype, const std::vector<OpId>& arguments, const std::vector<Region>& regions) {
    return with(Opcode::branch, dtype, arguments, regions);
  };
  const auto repeat_of = [&](DType dtype, const std::vector<OpId>& arguments, const std::vector<Region>& regions) {
    return with(Opcode::repeat, dtype, arguments, regions);
  };
  const auto element = [](DType dtype, std::uint64_t number) {
    ScalarOp op;
    op.opcode = Opcode::element;
    op.dtype = dtype;
    op.arguments = {6};
    op.immediate = number;
    return op;
  };
  const auto call = [&](DType dtype, const std::vector<OpId>& arguments, const Region& function) {
    return [=](Program& p) {
      p.functions.push_back({"f", function});
      with(Opcode::call, dtype, arguments, {})(p);
    };
  };
  const Region gives_float = region({}, {f32});
  const Region goes_on = region({f32}, {boolean});
  const Region keeps = region({f32}, {f32});
  {
    Program program = sample_program();
    with(Opcode::branch, f32, {5}, {gives_float, gives_float}, element(f32, 0))(program);
    EXPECT_NO_THROW(verify(program));
  }
  ScalarOp sum;
  sum.opcode = Opcode::abs;
  sum.dtype = f32;
  sum.arguments = {6};
  expect_broken({
      {"the condition is a boolean", branch_of(f32, {}, {gives_float, gives_float})},
      {"the condition is a boolean", branch_of(f32, {2}, {gives_float, gives_float})},
      {"has two regions", branch_of(f32, {5}, {gives_float})},
      {"its regions take its arguments", branch_of(f32, {5}, {gives_float, keeps})},
      {"its regions' arguments have its operands' types", branch_of(f32, {5, 0}, {keeps, keeps})},
      {"its regions give as many results", branch_of(f32, {5}, {region({}, {}), region({}, {})})},
      {"its regions give as many results", branch_of(f32, {5}, {gives_float, region({}, {f32, f32})})},
      {"its regions' results have equal types", branch_of(f32, {5}, {gives_float, region({}, {f64})})},
      {"has its first result's type", branch_of(f64, {5}, {gives_float, gives_float})},
      {"has an argument", repeat_of(f32, {}, {region({}, {boolean}), region({}, {})})},
      {"has two regions", repeat_of(f32, {2}, {goes_on})},
      {"its condition gives a boolean", repeat_of(f32, {2}, {keeps, keeps})},
      {"its condition gives a boolean", repeat_of(f32, {2}, {region({f32}, {boolean, boolean}), keeps})},
      {"its body gives as many values as it takes", repeat_of(f32, {2}, {goes_on, region({f32}, {f32, f32})})},
      {"its body gives values of its arguments' types", repeat_of(f32, {2}, {goes_on, region({f32}, {f64})})},
      {"has its first result's type", repeat_of(f64, {2}, {goes_on, keeps})},
      {"there is no result of this number",
       with(Opcode::branch, f32, {5}, {gives_float, gives_float}, element(f32, 1))},
      {"has the result's type", with(Opcode::branch, f32, {5}, {gives_float, gives_float}, element(f64, 0))},
      {"uses a branch or repeat without element", with(Opcode::branch, f32, {5}, {gives_float, gives_float}, sum)},
      {"is a branch or repeat without element",
       [&](Program& p) {
         branch_of(f32, {5}, {gives_float, gives_float})(p);
         map(p).body.results = {6};
       }},
      {"has regions of its own", with(Opcode::abs, f32, {2}, {gives_float})},
      {"has indices but reads nothing", [](Program& p) { map(p).body.ops[4].indices = {Index{}}; }},
      {"an index uses an operation that does not come before it",
       [](Program& p) { find(map(p), Opcode::read).indices[0].terms[0].op = 4; }},
      {"takes the function's arguments", call(f32, {2, 2}, keeps)},
      {"arguments have the function's types", call(f32, {0}, keeps)},
      {"has the function's one result's type", call(f64, {2}, keeps)},
      {"a function has one result", [&](Program& p) { p.functions.push_back({"f", region({}, {f32, f32})}); }},
      {"gives a boolean", with(Opcode::is_nan, f32, {2}, {})},
      {"the fallback has the element type",
       [](Program& p) {
         ScalarOp read = find(map(p), Opcode::read);
         ScalarOp condition;
         condition.opcode = Opcode::is_nan;
         condition.dtype = DType::boolean;
         condition.arguments = {2};
         map(p).body.ops.push_back(condition);
         read.arguments = {5, 0};
         map(p).body.ops.push_back(read);
       }},
      {"has the argument's type", [](Program& p) { reduction(p).reduction->step.ops[0].dtype = DType::f64; }},
      {"an argument has a type that scalar code lacks",
       [](Program& p) { update(p).outputs[0].combine->arguments.push_back(DType::f16); }},
  });
}

TEST(ProgramVerify, Prefixes) {
  // The sample's routine is over one f32[3].
  const auto prefix = [](Program& p) -> Prefix& {
    if (!routine(p).prefix) routine(p).prefix = Prefix{ProgramBuilder::step(Opcode::add, DType::f32), {}, 0, false};
    return *routine(p).prefix;
  };
  for (const std::size_t identities : {0, 1}) {
    Program program = sample_program();
    prefix(program).identity.assign(identities, constant_of(DType::f32, 0));
    EXPECT_NO_THROW(verify(program));
  }
  expect_broken({
      {"every input has its prefixes",
       [&](Program& p) { prefix(p), routine(p).inputs.clear(), routine(p).outputs.clear(); }},
      {"every input has its prefixes", [&](Program& p) { prefix(p), routine(p).inputs.push_back(0); }},
      {"prefixes have the input's type", [&](Program& p) { prefix(p), p.arrays[routine(p).outputs[0]].shape = {4}; }},
      {"inputs have the same lines", [&](Program& p) { prefix(p).dimension = 1; }},
      {"inputs have the same lines",
       [&](Program& p) { prefix(p), routine(p).inputs.push_back(4), routine(p).outputs.push_back(6); }},
      {"an identity is an element", [&](Program& p) { prefix(p).identity.assign(2, constant_of(DType::f32, 0)); }},
      {"combines two elements", [&](Program& p) { prefix(p).combine.results.push_back(0); }},
      {"combines two elements", [&](Program& p) { prefix(p).combine.arguments.push_back(DType::f32); }},
      {"elements have the inputs' types",
       [&](Program& p) { prefix(p).combine = ProgramBuilder::step(Opcode::add, DType::f64); }},
      {"elements have the inputs' types",
       [&](Program& p) {
         RegionBuilder r;
         const OpId first = r.argument(DType::f32);
         r.argument(DType::f64);
         prefix(p).combine = r.finish({first});
       }},
      {"elements have the inputs' types",
       [&](Program& p) {
         RegionBuilder r;
         r.argument(DType::f64);
         const OpId second = r.argument(DType::f32);
         prefix(p).combine = r.finish({second});
       }},
      {"elements have the inputs' types",
       [&](Program& p) {
         RegionBuilder r;
         const OpId first = r.argument(DType::f32);
         r.argument(DType::f32);
         prefix(p).combine = r.finish({r.binary(Opcode::lt, first, first)});
       }},
      {"elements have the inputs' types", [&](Program& p) { prefix(p).identity = {constant_of(DType::f64, 0)}; }},
  });
}

TEST(ProgramVerify, CountsAndTypes) {
  const auto combine = [](Program& p) -> Region& { return *update(p).outputs[0].combine; };
  expect_broken({
      {"output a6 holds a f64[12]", [](Program& p) { p.outputs[2].type.dtype = DType::f64; }},
      {"the body yields the outputs' arrays", [](Program& p) { p.body.results.pop_back(); }},
      {"node numbers are dense", [](Program& p) { p.body.nodes[1].id = 99; }},
      {"extents are not negative", [](Program& p) { map(p).axes[0].extent = -1; }},
      {"a result does not exist", [](Program& p) { map(p).outputs[0].result = 99; }},
      {"the step gives every accumulator", [](Program& p) { reduction(p).reduction->step.results.clear(); }},
      {"a guard is a boolean", [](Program& p) { update(p).outputs[0].guard = 99; }},
      {"combine takes two elements", [&](Program& p) { combine(p).arguments.push_back(DType::f32); }},
      {"combine takes two elements", [&](Program& p) { combine(p).results.push_back(0); }},
      {"combine takes two elements",
       [&](Program& p) {
         RegionBuilder r;
         const OpId first = r.argument(DType::f32);
         r.argument(DType::f32);
         combine(p) = r.finish({r.binary(Opcode::lt, first, first)});
       }},
      {"as many elements of one type", [](Program& p) { p.arrays[4].dtype = DType::f64; }},
      {"a carry keeps its type", [](Program& p) { p.arrays[scan(p).carries[0].argument].dtype = DType::i32; }},
      {"the position is an i64 scalar", [](Program& p) { p.arrays[scan(p).position].shape = {1}; }},
      {"a stacked array has the axis", [](Program& p) { scan(p).inputs[0].axis = -1; }},
      {"a slice is the stacked array without the axis",
       [](Program& p) { p.arrays[scan(p).inputs[0].argument].dtype = DType::i32; }},
      {"a value is stacked once",
       [](Program& p) {
         p.arrays.push_back(p.arrays[scan(p).outputs[0].result]);
         scan(p).outputs.push_back({scan(p).outputs[0].value, static_cast<ArrayId>(p.arrays.size() - 1), 0});
         scan(p).body.results.push_back(scan(p).outputs[0].value);
       }},
      {"a result does not exist", [](Program& p) { branch(p).results = {99}; }},
  });
}

// Stores that are no plain identity but still reach every element once.
TEST(ProgramVerify, CoverageAcceptsAffineBijections) {
  struct Row {
    std::vector<std::int64_t> extents;
    Shape shape;
    std::vector<std::vector<std::int64_t>> coefficients;  ///< by dimension, by axis
    std::vector<std::int64_t> offsets;
    bool covers;
  };
  const std::vector<Row> rows = {
      {{3, 4}, {4, 3}, {{0, 1}, {1, 0}}, {0, 0}, true},  // transposed
      {{3}, {3}, {{-1}}, {2}, true},                     // reversed
      {{3, 4}, {12}, {{4, 1}}, {0}, true},               // flattened
      {{3, 4}, {12}, {{1, 3}}, {0}, true},               // interleaved
      {{2, 3, 2}, {4, 3}, {{2, 0, 1}, {0, 1, 0}}, {0, 0}, true},
      {{3, 1}, {3}, {{1, 5}}, {0}, true},    // an axis of one point
      {{0, 4}, {0}, {{1, 1}}, {0}, true},    // nothing to store
      {{3, 4}, {12}, {{3, 1}}, {0}, false},  // overlapping rows
      {{3}, {3}, {{2}}, {-1}, false},
      {{3, 4}, {4, 3}, {{1, 0}, {0, 1}}, {0, 0}, false},  // out of bounds
      {{2}, {3}, {{1}}, {0}, false},
  };
  for (const Row& row : rows) {
    ProgramBuilder b;
    const ArrayId result = b.array(DType::f32, row.shape);
    RegionBuilder r;
    Nest nest;
    for (std::int64_t extent : row.extents) nest.axes.push_back({extent, AxisKind::parallel});
    NestOutput output;
    output.result = result;
    for (std::size_t dimension = 0; dimension < row.shape.size(); ++dimension) {
      Index index{row.offsets[dimension], {}};
      for (std::size_t axis = 0; axis < row.extents.size(); ++axis)
        if (row.coefficients[dimension][axis] != 0)
          index.terms.push_back({row.coefficients[dimension][axis], r.axis(static_cast<int>(axis))});
      output.indices.push_back(index);
    }
    const OpId zero = r.constant(DType::f32, 0);
    nest.body = r.finish({zero});
    nest.outputs = {output};
    b.add(nest);
    b.output(result);
    const Program program = b.finish();
    if (row.covers)
      EXPECT_NO_THROW(verify(program)) << print(program);
    else
      EXPECT_THROW(verify(program), InternalError) << print(program);
  }
}

TEST(ProgramWalks, ReadAndAssignedArrays) {
  Program p = sample_program();
  EXPECT_EQ(arrays_read(p.body.nodes[0]), (std::vector<ArrayId>{0}));
  EXPECT_EQ(arrays_assigned(p.body.nodes[0]), (std::vector<ArrayId>{3}));
  EXPECT_EQ(arrays_read(p.body.nodes[4]), (std::vector<ArrayId>{2, 3}));
  EXPECT_EQ(arrays_assigned(p.body.nodes[4]),
            (std::vector<ArrayId>{scan(p).carries[0].result, scan(p).outputs[0].result}));
  std::vector<NodeId> order;
  visit_nodes(p.body, [&](const Node& node) { order.push_back(node.id); });
  ASSERT_EQ(order.size(), p.node_count);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(ProgramPrint, IsStableAndShowsEveryNode) {
  const std::string text = print(sample_program());
  EXPECT_EQ(text, print(sample_program()));
  for (const std::string_view line : {
           "  input a0: f32[4,3] as f32[4,3]\n",
           "  n0 nest parallel 4, parallel 3  @1:1\n",
           "    %2: f32 = a0[%0, %1]\n",
           "    %4: f32 = mul %2 %3\n",
           "    a3: f32[4,3] [%0, %1] = %4\n",
           "  n1 reshape a4: f32[12] = a3  @2:1\n",
           "    reduce %2 from 0\n",
           "    merge add\n",
           "    a6: f32[12] = a4 with [%1] = %3 if %5 combined by\n",
           "    carry a10: f32[3] from a2, then a11, at last a7: f32[3]\n",
           "    slice a12: f32[3] of a3 along 0\n",
           "    stack a8: f32[4,3] from a13 along 0\n",
           "  n6 branch a14: f32[3] by a1  @7:1\n",
           "  n8 routine a16: f32[3] = negate(a14)  @9:1\n",
           "  n11 loop while while, position a19  @12:1\n",
           "      yield a22\n",
       })
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

}  // namespace
}  // namespace jaxc::ir::testing
