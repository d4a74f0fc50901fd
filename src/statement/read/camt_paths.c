/* SPDX-License-Identifier: Apache-2.0
 * camt_paths.c: the elements of camt.053 that are read, by their place. Where versions differ both
 * places stand here: a status is a text until .03 and has a code of its own from .04 on, a
 * transaction has an amount of its own from .04 on, a party's name is one element deeper from .08
 * on. */
#include "statement/read/camt.h"

#define VALUE(where, OWNER, type, member)                                                          \
    {                                                                                              \
        where, CAMT_VALUE, CAMT_OF_##OWNER, offsetof(struct type, member),                         \
            sizeof(((struct type *)0)->member), 0, false                                           \
    }
#define WORDS(where, OWNER, type, member)                                                          \
    {                                                                                              \
        where, CAMT_VALUE, CAMT_OF_##OWNER, offsetof(struct type, member),                         \
            sizeof(((struct type *)0)->member), 0, true                                            \
    }
#define AMOUNT(where, OWNER, type, member)                                                         \
    {                                                                                              \
        where, CAMT_VALUE, CAMT_OF_##OWNER, offsetof(struct type, member.text),                    \
            sizeof(((struct type *)0)->member.text), offsetof(struct type, member.currency), false \
    }
#define EVENT(where, EVENT)                                                                        \
    { where, CAMT_##EVENT, CAMT_NONE, 0, 0, 0, false }
#define NTRY "Stmt/Ntry/"
#define BTCH "Stmt/Ntry/NtryDtls/Btch/"
#define TX "Stmt/Ntry/NtryDtls/TxDtls/"

static const struct camt_path paths[] = {
    EVENT("Stmt", STMT),
    VALUE("Stmt/Id", STMT, camt_stmt, id),
    VALUE("Stmt/ElctrncSeqNb", STMT, camt_stmt, number),
    VALUE("Stmt/StmtPgntn/PgNb", STMT, camt_stmt, page),
    VALUE("Stmt/FrToDt/FrDtTm", STMT, camt_stmt, from),
    VALUE("Stmt/FrToDt/ToDtTm", STMT, camt_stmt, until),
    VALUE("Stmt/Acct/Id/IBAN", STMT, camt_stmt, account),
    VALUE("Stmt/Acct/Id/Othr/Id", STMT, camt_stmt, account),
    VALUE("Stmt/Acct/Ccy", STMT, camt_stmt, account_currency),

    EVENT("Stmt/TxsSummry", SUMMARY),
    VALUE("Stmt/TxsSummry/TtlNtries/NbOfNtries", STMT, camt_stmt, all.count),
    VALUE("Stmt/TxsSummry/TtlNtries/Sum", STMT, camt_stmt, all.sum),
    VALUE("Stmt/TxsSummry/TtlNtries/TtlNetNtryAmt", STMT, camt_stmt, net),
    VALUE("Stmt/TxsSummry/TtlNtries/CdtDbtInd", STMT, camt_stmt, net_side),
    VALUE("Stmt/TxsSummry/TtlNtries/TtlNetNtry/Amt", STMT, camt_stmt, net),
    VALUE("Stmt/TxsSummry/TtlNtries/TtlNetNtry/CdtDbtInd", STMT, camt_stmt, net_side),
    VALUE("Stmt/TxsSummry/TtlCdtNtries/NbOfNtries", STMT, camt_stmt, credits.count),
    VALUE("Stmt/TxsSummry/TtlCdtNtries/Sum", STMT, camt_stmt, credits.sum),
    VALUE("Stmt/TxsSummry/TtlDbtNtries/NbOfNtries", STMT, camt_stmt, debits.count),
    VALUE("Stmt/TxsSummry/TtlDbtNtries/Sum", STMT, camt_stmt, debits.sum),

    EVENT("Stmt/Bal", BAL),
    VALUE("Stmt/Bal/Tp/CdOrPrtry/Cd", BAL, camt_bal, code),
    AMOUNT("Stmt/Bal/Amt", BAL, camt_bal, amount),
    VALUE("Stmt/Bal/CdtDbtInd", BAL, camt_bal, side),
    VALUE("Stmt/Bal/Dt/Dt", BAL, camt_bal, day),
    VALUE("Stmt/Bal/Dt/DtTm", BAL, camt_bal, day),

    EVENT("Stmt/Ntry", NTRY),
    VALUE(NTRY "NtryRef", NTRY, camt_ntry, ref),
    AMOUNT(NTRY "Amt", NTRY, camt_ntry, amount),
    VALUE(NTRY "CdtDbtInd", NTRY, camt_ntry, side),
    VALUE(NTRY "RvslInd", NTRY, camt_ntry, reversal),
    VALUE(NTRY "Sts", NTRY, camt_ntry, status),
    VALUE(NTRY "Sts/Cd", NTRY, camt_ntry, status),
    VALUE(NTRY "BookgDt/Dt", NTRY, camt_ntry, booked),
    VALUE(NTRY "BookgDt/DtTm", NTRY, camt_ntry, booked),
    VALUE(NTRY "ValDt/Dt", NTRY, camt_ntry, valued),
    VALUE(NTRY "ValDt/DtTm", NTRY, camt_ntry, valued),
    VALUE(NTRY "AcctSvcrRef", NTRY, camt_ntry, bank_ref),
    VALUE(NTRY "BkTxCd/Domn/Cd", NTRY, camt_ntry, domain),
    VALUE(NTRY "BkTxCd/Domn/Fmly/Cd", NTRY, camt_ntry, family),
    VALUE(NTRY "BkTxCd/Domn/Fmly/SubFmlyCd", NTRY, camt_ntry, subfamily),
    VALUE(NTRY "BkTxCd/Prtry/Cd", NTRY, camt_ntry, own_code),
    WORDS(NTRY "AddtlNtryInf", NTRY, camt_ntry, more),
    EVENT("Stmt/Ntry/NtryDtls", DETAILS),
    EVENT("Stmt/Ntry/NtryDtls/Btch", BTCH),
    VALUE(BTCH "NbOfTxs", BTCH, camt_btch, count),
    AMOUNT(BTCH "TtlAmt", BTCH, camt_btch, amount),

    EVENT("Stmt/Ntry/NtryDtls/TxDtls", TX),
    VALUE(TX "Refs/AcctSvcrRef", TX, camt_tx, bank_ref),
    VALUE(TX "Refs/EndToEndId", TX, camt_tx, end_to_end),
    VALUE(TX "Refs/PmtInfId", TX, camt_tx, batch),
    AMOUNT(TX "Amt", TX, camt_tx, amount),
    AMOUNT(TX "AmtDtls/TxAmt/Amt", TX, camt_tx, amount_told),
    VALUE(TX "CdtDbtInd", TX, camt_tx, side),
    WORDS(TX "RltdPties/Dbtr/Nm", TX, camt_tx, debtor),
    WORDS(TX "RltdPties/Dbtr/Pty/Nm", TX, camt_tx, debtor),
    WORDS(TX "RltdPties/Cdtr/Nm", TX, camt_tx, creditor),
    WORDS(TX "RltdPties/Cdtr/Pty/Nm", TX, camt_tx, creditor),
    VALUE(TX "RltdPties/DbtrAcct/Id/IBAN", TX, camt_tx, debtor_account),
    VALUE(TX "RltdPties/DbtrAcct/Id/Othr/Id", TX, camt_tx, debtor_account),
    VALUE(TX "RltdPties/CdtrAcct/Id/IBAN", TX, camt_tx, creditor_account),
    VALUE(TX "RltdPties/CdtrAcct/Id/Othr/Id", TX, camt_tx, creditor_account),
    EVENT(TX "RtrInf", RETURNED),
    EVENT(TX "RmtInf/Ustrd", PURPOSE),
    EVENT(TX "RmtInf/Strd/RfrdDocInf/Nb", PURPOSE),
    EVENT(TX "RmtInf/Strd/AddtlRmtInf", PURPOSE),
    EVENT(TX "RmtInf/Strd/CdtrRefInf/Ref", STRUCTURED),
    WORDS(TX "AddtlTxInf", TX, camt_tx, more),
};

GHashTable *camt_paths_new(void) {
    GHashTable *by_path = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        g_hash_table_insert(by_path, (gpointer)(intptr_t)paths[i].path,
                            (gpointer)(intptr_t)&paths[i]);
    }
    return by_path;
}
