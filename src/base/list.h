/* SPDX-License-Identifier: Apache-2.0 */
/* base/list.h - intrusive doubly linked list. The node lives inside its owner, so
 * adding and removing never allocates. A node that is on no list is self-linked, hence
 * list_remove is idempotent. One thread at a time. */
#ifndef OUTRIGGER_BASE_LIST_H
#define OUTRIGGER_BASE_LIST_H

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void
list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
    return l->next == l;
}

/* True when the node is on some list. */
static inline bool
list_linked(const struct list *n)
{
    return n->next != n;
}

static inline void
list_append(struct list *head, struct list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

static inline void
list_prepend(struct list *head, struct list *n)
{
    n->next = head->next;
    n->prev = head;
    head->next->prev = n;
    head->next = n;
}

static inline void
list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = n;
}

/* Removes and returns the first node; NULL when the list is empty. */
static inline struct list *
list_pop(struct list *head)
{
    struct list *n = head->next;

    if (n == head)
        return 0;
    list_remove(n);
    return n;
}

/* Moves all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void
list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
