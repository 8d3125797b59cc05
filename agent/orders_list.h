/*
 * orders_list.h: `drover-agent orders`: which orders this host has worked under, from its journal,
 * whether the agent runs or not. Where no coordinator can be asked, this is where an operator finds
 * the digest of the order that is to be taken back. Changes nothing.
 */
#ifndef DROVER_AGENT_ORDERS_LIST_H
#define DROVER_AGENT_ORDERS_LIST_H

/* The words after `orders`; answers the exit code. */
int orders_list_main(int argc, char **argv);

#endif
