// Documents as a Relay front end writes them; relay-compiler makes its artifacts from them and from the committed schema.
const { graphql } = require("relay-runtime")

graphql`
  query screensListQuery($filter: DisputeFilter) {
    ...screensList_query @arguments(filter: $filter)
  }
`
graphql`
  fragment screensList_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }, filter: { type: "DisputeFilter" })
  @refetchable(queryName: "screensListPageQuery") {
    disputes(first: $count, after: $cursor, filter: $filter, orderBy: { field: CODE, direction: ASC })
      @connection(key: "screensList_disputes") {
      totalCount
      edges {
        node {
          id
          code
          state
          version
          registeredAt
        }
      }
    }
  }
`
graphql`
  query screensDisputeQuery($id: ID!) {
    node(id: $id) {
      ...screensHistory_dispute @alias(as: "dispute")
    }
  }
`
graphql`
  fragment screensHistory_dispute on Dispute
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "screensHistoryPageQuery") {
    code
    history(first: $count, after: $cursor) @connection(key: "screensHistory_history") {
      edges {
        node {
          kind
          text
          sequence
        }
      }
    }
  }
`
graphql`
  mutation screensAcceptMutation($input: MoveDisputeInput!) {
    acceptDispute(input: $input) {
      dispute {
        state
        version
      }
      userErrors {
        code
        message
      }
    }
  }
`
graphql`
  subscription screensChangesSubscription($after: Long) {
    changes(after: $after) {
      sequence
      disputes {
        id
        code
        version
      }
    }
  }
`
graphql`
  query screensFiguresQuery {
    before: figures(from: "2023-01-01", to: "2024-01-01", ids: ["K1"]) {
      id
      denominator
    }
    now: figures(from: "2024-01-01", to: "2025-01-01", ids: ["K1"]) {
      id
      denominator
    }
  }
`
