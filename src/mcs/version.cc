#include "mcs/version.h"

#include <vector>

namespace segw::mcs {

void clear_newer(google::protobuf::Message& message, uint32_t version) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& fields = *message.GetReflection();
  std::vector<const FieldDescriptor*> set;
  fields.ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    if (field->options().GetExtension(::opensegw::mcs::since) > version) {
      fields.ClearField(&message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (!field->is_repeated()) {
      clear_newer(*fields.MutableMessage(&message, field), version);
    } else {
      for (int i = 0; i < fields.FieldSize(message, field); ++i) {
        clear_newer(*fields.MutableRepeatedMessage(&message, field, i), version);
      }
    }
  }
}

}  // namespace segw::mcs
