// Items: nests and loops over items, whose complex values have two parts.
#include "compiler/lower/routines/items.h"

#include <utility>

namespace jaxc::compiler::lowering {

Scalar Point::read(const Elements& source, const std::vector<Place>& item) const {
  std::vector<ir::Index> indices = at(batch);
  for (const Place& place : item) indices.push_back(place.index);
  Scalar value{&builder, lowering.read(builder, source.real, indices)};
  if (source.imaginary) value.imaginary = lowering.read(builder, *source.imaginary, std::move(indices));
  return value;
}

Scalar Point::read(const Elements& source, const std::vector<Place>& item, const Scalar& guard) const {
  std::vector<ir::Index> indices = at(batch);
  for (const Place& place : item) indices.push_back(place.index);
  const auto part = [&](ArrayId array) {
    const DType dtype = lowering.dtype(array);
    return builder.read(dtype, array, indices, guard.real, builder.constant(dtype, 0));
  };
  Scalar value{&builder, part(source.real)};
  if (source.imaginary) value.imaginary = part(*source.imaginary);
  return value;
}

Shape Items::shape(const Shape& item) const {
  Shape all = batch_;
  all.insert(all.end(), item.begin(), item.end());
  return all;
}

Point Items::point(RegionBuilder& builder, std::span<const OpId> axes) const {
  Point result{lowering_, builder, dtype_, axes.first(batch_.size()), {}};
  for (const OpId axis : axes.subspan(batch_.size())) result.axes.push_back({&builder, axis});
  return result;
}

Elements Items::split(ArrayId array, bool is_complex) const {
  if (!is_complex) return {array};
  Shape shape = lowering_.shape(array);
  shape.pop_back();
  const auto part = [&](std::int64_t number) {
    return lowering_.generate(shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
      std::vector<ir::Index> indices = at(axes);
      indices.push_back(fixed(number));
      return lowering_.read(builder, array, std::move(indices));
    });
  };
  const ArrayId real = part(0);
  return {real, part(1)};
}

ArrayId Items::join(const Elements& elements, bool is_complex) const {
  if (!is_complex) return elements.real;
  Shape shape = lowering_.shape(elements.real);
  shape.push_back(2);
  return lowering_.generate(shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const std::span<const OpId> place = axes.first(axes.size() - 1);
    const OpId real = lowering_.read(builder, elements.real, place);
    const OpId imaginary = elements.imaginary ? lowering_.read(builder, *elements.imaginary, place)
                                              : builder.constant(builder.dtype(real), 0);
    return builder.select(builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0)), real, imaginary);
  });
}

Elements Items::nest(const Shape& item, const Shape& reduced, std::optional<Opcode> merge, const Body& body) const {
  ir::Nest nest;
  RegionBuilder builder;
  std::vector<OpId> axes;
  const auto add_axes = [&](const Shape& extents, ir::AxisKind kind) {
    for (const std::int64_t extent : extents) {
      axes.push_back(builder.axis(static_cast<int>(axes.size())));
      nest.axes.push_back({extent, kind});
    }
  };
  const Shape whole = shape(item);
  add_axes(whole, ir::AxisKind::parallel);
  add_axes(reduced, ir::AxisKind::reduced);
  const Scalar value = body(point(builder, axes));
  std::vector<OpId> parts = {value.real};
  if (value.imaginary) parts.push_back(*value.imaginary);
  std::vector<ArrayId> results;
  if (merge) nest.reduction = ir::Reduction{{}, {}, merge};
  for (const OpId part : parts) {
    ir::NestOutput output;
    output.result = lowering_.new_array(builder.dtype(part), whole);
    output.indices = at(std::span(axes).first(whole.size()));
    results.push_back(output.result);
    nest.outputs.push_back(std::move(output));
    if (merge) nest.reduction->initial.push_back(identity_of(*merge, builder.dtype(part)));
  }
  if (merge) {
    RegionBuilder step;
    std::vector<OpId> accumulators;
    std::vector<OpId> sums;
    for (const OpId part : parts) accumulators.push_back(step.argument(builder.dtype(part)));
    for (std::size_t k = 0; k < parts.size(); ++k)
      sums.push_back(step.binary(*merge, accumulators[k], step.argument(builder.dtype(parts[k]))));
    nest.reduction->step = step.finish(std::move(sums));
  }
  nest.body = builder.finish(std::move(parts));
  lowering_.emit(std::move(nest));
  Elements elements{results[0]};
  if (results.size() > 1) elements.imaginary = results[1];
  return elements;
}

ArrayId Items::any(const Body& body) const {
  return lowering_.reduce({}, batch_, Opcode::bit_or, DType::boolean,
                          [&](RegionBuilder& builder, std::span<const OpId>, std::span<const OpId> batch) {
                            return body(point(builder, batch)).real;
                          });
}

Elements Items::update(const Elements& base, const Shape& points,
                       const std::function<ItemStore(const Point&)>& store) const {
  const auto part = [&](ArrayId array, bool imaginary) {
    return lowering_.update(array, shape(points), [&](RegionBuilder& builder, std::span<const OpId> axes) {
      const ItemStore item = store(point(builder, axes));
      std::vector<ir::Index> indices = at(axes.first(batch_.size()));
      for (const Place& place : item.position) indices.push_back(place.index);
      Store result{imaginary ? item.value.imaginary_part().real : item.value.real, std::move(indices)};
      if (item.guard) result.guard = item.guard->real;
      return result;
    });
  };
  Elements result{part(base.real, false)};
  if (base.imaginary) result.imaginary = part(*base.imaginary, true);
  return result;
}

namespace {

std::vector<ArrayId> flattened(const std::vector<Elements>& values) {
  std::vector<ArrayId> arrays;
  for (const Elements& value : values) {
    arrays.push_back(value.real);
    if (value.imaginary) arrays.push_back(*value.imaginary);
  }
  return arrays;
}

// The arrays in the form of `like`.
std::vector<Elements> grouped(std::span<const ArrayId> arrays, const std::vector<Elements>& like) {
  std::vector<Elements> values;
  std::size_t next = 0;
  for (const Elements& form : like) {
    Elements value{arrays[next++]};
    if (form.imaginary) value.imaginary = arrays[next++];
    values.push_back(value);
  }
  return values;
}

}  // namespace

Items::Values Items::loop(const Form& form, const std::function<Values(const Step&)>& body) const {
  const int axis = static_cast<int>(batch_.size());
  LoopForm whole{.name = form.name,
                 .trip_count = form.trip_count,
                 .reverse = form.reverse,
                 .carries = flattened(form.carries),
                 .output_axis = axis};
  for (const ArrayId input : flattened(form.inputs)) whole.inputs.push_back({input, axis});
  std::vector<Elements> outputs;
  const LoopValues values = lowering_.loop(whole, [&](const LoopArguments& arguments) -> LoopValues {
    const Values given =
        body({arguments.position, grouped(arguments.carries, form.carries), grouped(arguments.inputs, form.inputs)});
    outputs = given.outputs;
    return {flattened(given.carries), flattened(given.outputs)};
  });
  return {grouped(values.carries, form.carries), grouped(values.outputs, outputs)};
}

std::vector<Elements> Items::loop_while(
    std::string name, const std::vector<Elements>& initial,
    const std::function<ArrayId(const std::vector<Elements>&)>& condition,
    const std::function<std::vector<Elements>(const std::vector<Elements>&)>& body) const {
  const std::vector<ArrayId> carries = flattened(initial);
  const std::vector<ArrayId> results = lowering_.loop_while(
      std::move(name), carries, [&](std::span<const ArrayId> values) { return condition(grouped(values, initial)); },
      [&](std::span<const ArrayId> values) { return flattened(body(grouped(values, initial))); });
  return grouped(results, initial);
}

Operand::Operand(Lowering& lowering, const ir::Atom& atom, std::size_t item_rank)
    : is_complex(jaxc::is_complex(lowering.type(atom).dtype)),
      shape(lowering.type(atom).shape),
      array(lowering.widened(atom)),
      items(lowering, Items::batch_of(shape, item_rank), compute_dtype(lowering.type(atom).dtype)) {}

}  // namespace jaxc::compiler::lowering
