/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the way of a JSON Schema, as Confluent's registry names it (CONST_CHANGED is
 * weir's own), what it means for events, and what to do about it.
 */
#ifndef WR_SCHEMA_JS_ISSUES_H
#define WR_SCHEMA_JS_ISSUES_H

#include <weir/schema.h>

/* clang-format off */
/* X(name, what it means, what helps) */
#define WR_JS_ISSUE_MAP(X) \
	X(TYPE_NARROWED, \
	  "what was a number may be no integer, or another type was allowed", \
	  "leave the type as wide as it was") \
	X(SCHEMA_ADDED, \
	  "what was not described before is limited now", \
	  "leave it without a schema, or let the schema take everything") \
	X(MAX_LENGTH_ADDED, \
	  "longer strings were allowed", \
	  "leave maxLength out") \
	X(MAX_LENGTH_DECREASED, \
	  "longer strings were allowed", \
	  "leave maxLength as it was, or make it larger") \
	X(MIN_LENGTH_ADDED, \
	  "shorter strings were allowed", \
	  "leave minLength out") \
	X(MIN_LENGTH_INCREASED, \
	  "shorter strings were allowed", \
	  "leave minLength as it was, or make it smaller") \
	X(MAXIMUM_ADDED, \
	  "larger numbers were allowed", \
	  "leave maximum out") \
	X(MAXIMUM_DECREASED, \
	  "larger numbers were allowed", \
	  "leave maximum as it was, or make it larger") \
	X(MINIMUM_ADDED, \
	  "smaller numbers were allowed", \
	  "leave minimum out") \
	X(MINIMUM_INCREASED, \
	  "smaller numbers were allowed", \
	  "leave minimum as it was, or make it smaller") \
	X(EXCLUSIVE_MAXIMUM_ADDED, \
	  "larger numbers were allowed", \
	  "leave exclusiveMaximum out") \
	X(EXCLUSIVE_MAXIMUM_DECREASED, \
	  "larger numbers were allowed", \
	  "leave exclusiveMaximum as it was, or make it larger") \
	X(EXCLUSIVE_MINIMUM_ADDED, \
	  "smaller numbers were allowed", \
	  "leave exclusiveMinimum out") \
	X(EXCLUSIVE_MINIMUM_INCREASED, \
	  "smaller numbers were allowed", \
	  "leave exclusiveMinimum as it was, or make it smaller") \
	X(MULTIPLE_OF_ADDED, \
	  "other numbers were allowed", \
	  "leave multipleOf out") \
	X(MULTIPLE_OF_EXPANDED, \
	  "numbers between its multiples were allowed", \
	  "leave multipleOf as it was, or take a divisor of it") \
	X(MULTIPLE_OF_CHANGED, \
	  "numbers that are no multiples of it were allowed", \
	  "leave multipleOf as it was, or take a divisor of it") \
	X(REQUIRED_ATTRIBUTE_ADDED, \
	  "objects without this property were allowed", \
	  "leave it optional, or give it a default") \
	X(MAX_PROPERTIES_ADDED, \
	  "objects with more properties were allowed", \
	  "leave maxProperties out") \
	X(MAX_PROPERTIES_DECREASED, \
	  "objects with more properties were allowed", \
	  "leave maxProperties as it was, or make it larger") \
	X(MIN_PROPERTIES_ADDED, \
	  "objects with fewer properties were allowed", \
	  "leave minProperties out") \
	X(MIN_PROPERTIES_INCREASED, \
	  "objects with fewer properties were allowed", \
	  "leave minProperties as it was, or make it smaller") \
	X(ADDITIONAL_PROPERTIES_REMOVED, \
	  "objects with properties that are not listed were allowed", \
	  "leave additionalProperties as it was") \
	X(ADDITIONAL_PROPERTIES_NARROWED, \
	  "properties that are not listed could be anything", \
	  "leave additionalProperties as it was") \
	X(PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL, \
	  "the object was open: what has this name already may be anything", \
	  "add it with an empty schema, or let the older schema say additionalProperties: false") \
	X(PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL, \
	  "the object is closed, and the property is not listed any more", \
	  "keep the property, or let additionalProperties be open") \
	X(PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL, \
	  "additionalProperties allowed this name with values that the new schema does not take", \
	  "let the property take all that additionalProperties took") \
	X(PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL, \
	  "additionalProperties does not take all that the property took", \
	  "keep the property, or let additionalProperties take what it took") \
	X(REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL, \
	  "objects without this property were allowed", \
	  "leave it optional, or give it a default") \
	X(MAX_ITEMS_ADDED, \
	  "arrays with more items were allowed", \
	  "leave maxItems out") \
	X(MAX_ITEMS_DECREASED, \
	  "arrays with more items were allowed", \
	  "leave maxItems as it was, or make it larger") \
	X(MIN_ITEMS_ADDED, \
	  "arrays with fewer items were allowed", \
	  "leave minItems out") \
	X(MIN_ITEMS_INCREASED, \
	  "arrays with fewer items were allowed", \
	  "leave minItems as it was, or make it smaller") \
	X(UNIQUE_ITEMS_ADDED, \
	  "arrays with an item twice were allowed", \
	  "leave uniqueItems out") \
	X(ADDITIONAL_ITEMS_REMOVED, \
	  "arrays with more items than are listed were allowed", \
	  "leave the items behind the list as they were") \
	X(ADDITIONAL_ITEMS_NARROWED, \
	  "items behind the list could be anything", \
	  "leave the items behind the list as they were") \
	X(ITEM_ADDED_TO_OPEN_CONTENT_MODEL, \
	  "the array was open: what stands in this place already may be anything", \
	  "add it with an empty schema, or let the older schema allow no more items") \
	X(ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL, \
	  "no more items are allowed, and this one is not listed any more", \
	  "keep the item, or allow more items") \
	X(ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL, \
	  "the items behind the list could be what this one does not take", \
	  "let the item take all that they took") \
	X(ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL, \
	  "the items behind the list do not take all that this one took", \
	  "keep the item, or let them take what it took") \
	X(ENUM_ARRAY_NARROWED, \
	  "values that were allowed are not there any more", \
	  "keep the values") \
	X(ENUM_ARRAY_CHANGED, \
	  "values that were allowed are not there any more", \
	  "keep the values, and add the new ones") \
	X(CONST_CHANGED, \
	  "the one value that was allowed is another one", \
	  "keep it, or list both in an enum") \
	X(COMBINED_TYPE_CHANGED, \
	  "allOf, anyOf and oneOf do not take the same values", \
	  "keep the keyword; anyOf may stand in place of the others") \
	X(COMBINED_TYPE_SUBSCHEMAS_CHANGED, \
	  "the branches cannot be paired, so that each new one takes what an old one took", \
	  "keep the branches that there were, and add to them") \
	X(PRODUCT_TYPE_EXTENDED, \
	  "one more condition has to hold", \
	  "leave the branches of allOf as they were") \
	X(SUM_TYPE_NARROWED, \
	  "a branch that took values is not there any more", \
	  "keep the branch") \
	X(NOT_TYPE_EXTENDED, \
	  "more is refused than before", \
	  "let `not` refuse what it refused, or less")
/* clang-format on */

#endif
