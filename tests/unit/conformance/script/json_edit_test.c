#include "conformance/script/json_edit.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static cJSON *parse(const char *text) {
    cJSON *root = cJSON_Parse(text);
    cr_assert_not_null(root, "%s", text);
    return root;
}

/* Takes the document. */
static void expect(cJSON *root, const char *text) {
    char *printed = cJSON_PrintUnformatted(root);
    cr_assert_str_eq(printed, text);
    free(printed);
    cJSON_Delete(root);
}

static bool is_number(const cJSON *item) {
    return cJSON_IsNumber(item);
}

Test(conformance_json, values_are_listed_with_their_parents) {
    cJSON *root = parse("{\"a\":1,\"b\":{\"c\":[2,\"x\"]}}");
    struct json_nodes nodes;
    cr_assert(json_nodes_list(&nodes, root, NULL));
    cr_assert_eq(nodes.count, 5);
    cr_assert_eq(nodes.parents[0], root);
    cr_assert_eq(nodes.parents[2], nodes.items[1]);
    json_nodes_release(&nodes);
    cr_assert(json_nodes_list(&nodes, root, is_number));
    cr_assert_eq(nodes.count, 2);
    json_nodes_release(&nodes);
    cJSON_Delete(root);
}

Test(conformance_json, a_replaced_value_keeps_its_name) {
    cJSON *root = parse("{\"a\":1,\"b\":2}");
    cr_assert(json_replace(root, root->child, "1e400"));
    expect(root, "{\"a\":1e400,\"b\":2}");
}

Test(conformance_json, an_element_is_replaced_where_it_stands) {
    cJSON *root = parse("[1,2,3]");
    cr_assert(json_replace(root, root->child->next, "{}"));
    expect(root, "[1,{},3]");
}

Test(conformance_json, a_removed_value_is_gone) {
    cJSON *root = parse("{\"a\":1,\"b\":2}");
    json_remove(root, root->child);
    expect(root, "{\"b\":2}");
}

Test(conformance_json, a_path_is_there_when_one_alternative_is) {
    cJSON *root = parse("{\"a\":{\"b.c\":[{\"d\":null}]},\"1\":{\"e\":0}}");
    cr_assert(json_has_path(root, "a"));
    cr_assert(json_has_path(root, "a.b\\.c.0.d"));
    cr_assert(json_has_path(root, "x.y|a.b\\.c"));
    cr_assert(json_has_path(root, "1.e"));
    cr_assert_not(json_has_path(root, "a.b.c"));
    cr_assert_not(json_has_path(root, "a.b\\.c.1"));
    cr_assert_not(json_has_path(root, "x|y"));
    cr_assert_not(json_has_path(root, "A"));
    cJSON_Delete(root);
}

Test(conformance_json, what_is_put_makes_its_way) {
    cJSON *root = parse("{\"symbol\":\"X\"}");
    cr_assert(json_put_path(root, "a.b\\.c.d|e", "1"));
    cr_assert(json_put_path(root, "f", "\"g\""));
    expect(root, "{\"symbol\":\"X\",\"a\":{\"b.c\":{\"d\":1}},\"f\":\"g\"}");
}

Test(conformance_json, what_is_put_takes_the_place_of_what_stands_there) {
    cJSON *root = parse("{\"a\":5,\"b\":{\"c\":6}}");
    cr_assert(json_put_path(root, "a.x", "1"));
    cr_assert(json_put_path(root, "b.c", "[]"));
    expect(root, "{\"b\":{\"c\":[]},\"a\":{\"x\":1}}");
}
